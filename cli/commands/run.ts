// `perennial run`: starts the durable run of a use case and follows it.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { Command } from 'commander';
import type { RunInput, RunSummary } from '../../core/run.ts';
import { type Environment, loadEnvironment } from '../../environments/environment.ts';
import { queues } from '../../workflows/names.ts';
import { follow } from '../follow.ts';
import { json } from '../output.ts';
import { printSummary } from '../summary.ts';
import { connect, runPage } from '../temporal-client.ts';

export const register = (program: Command): void => {
  program
    .command('run')
    .description('ingest, transform, train, judge, register, score, report: one durable run of a use case')
    .argument('<use-case>', 'e.g. ecommerce-intelligence')
    .option('--env <name>', 'dev, staging or prod', 'dev')
    .option('--source <path>', 'file, folder, glob or archive to ingest first; without it, the lake as it stands')
    .option('--contract <name>', 'source contract of these files; recognised by their header if not said')
    .option('--as-of <date>', 'end of knowledge, exclusive (ISO date); default: the day after the last day with data')
    .option('--seed <n>', 'seed of everything random', Number)
    .option(
      '--tag <name>',
      'train from this data version instead: its tables as they were tagged; see `perennial data`',
    )
    .option(
      '--no-train',
      'train nothing: ingest, transform, score with the present champion (what staging and prod do)',
    )
    .option('--detach', 'start and return; follow it in the Temporal UI')
    .option('--json', 'print the result as JSON')
    .action(async (useCase: string, options: Options) => {
      const environment = loadEnvironment(options.env);
      const input: RunInput = {
        useCase,
        ...(options.source === undefined ? {} : { path: path.resolve(options.source) }),
        ...(options.contract === undefined ? {} : { source: options.contract }),
        ...(options.asOf === undefined ? {} : { asOf: options.asOf }),
        ...(options.seed === undefined ? {} : { seed: options.seed }),
        ...(options.tag === undefined ? {} : { tag: options.tag }),
        ...(options.train ? {} : { train: false }),
      };
      await startRun(environment, input, options);
    });
};

interface Options {
  readonly env: string;
  readonly source?: string;
  readonly contract?: string;
  readonly asOf?: string;
  readonly seed?: number;
  readonly tag?: string;
  readonly train: boolean;
  readonly detach?: boolean;
  readonly json?: boolean;
}

export interface EndedRun {
  readonly summary: RunSummary;
  /** Its page in the Temporal UI. */
  readonly page: string;
}

/** Starts and, unless detached, follows a run; prints its summary unless `quiet`. */
export const startRun = async (
  environment: Environment,
  input: RunInput,
  options: { readonly detach?: boolean; readonly json?: boolean; readonly quiet?: boolean } = {},
): Promise<EndedRun | undefined> => {
  const client = await connect(environment);
  try {
    const workflowId = `run/${input.useCase}/${new Date().toISOString().slice(0, 19)}-${randomUUID().slice(0, 4)}`;
    const handle = await client.workflow.start<(given: RunInput) => Promise<RunSummary>>('run', {
      workflowId,
      taskQueue: queues.light,
      args: [input],
      staticSummary: `${input.useCase} in ${environment.name}`,
      staticDetails: `Source: \`${input.path ?? (input.tag === undefined ? 'the lake as it stands' : `data version ${input.tag}`)}\``,
    });
    const page = runPage(environment, workflowId);
    if (options.detach) {
      options.json ? json({ workflowId, page }) : console.log(`started ${workflowId}\n${page}`);
      return undefined;
    }
    if (!options.json) console.error(`run ${workflowId}\n${page}`);
    const summary = await follow(client, handle, options.json ?? false);
    if (options.json) json(summary);
    else if (!options.quiet) printSummary(environment, summary, page);
    return { summary, page };
  } finally {
    await client.connection.close();
  }
};
