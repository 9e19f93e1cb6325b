// `perennial reproduce`: makes a registered version again from what it recorded, and names the first stage that comes out otherwise.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { Command } from 'commander';
import pc from 'picocolors';
import type { ReproduceInput, Reproduction, StageCheck } from '../../core/reproduction.ts';
import { loadEnvironment } from '../../environments/environment.ts';
import { queues } from '../../workflows/names.ts';
import { follow } from '../follow.ts';
import { json } from '../output.ts';
import { connect, runPage } from '../temporal-client.ts';
import { versionNamed } from '../version-named.ts';

interface Options {
  readonly env: string;
  readonly truth?: string;
  readonly json?: boolean;
}

export const register = (program: Command): void => {
  program
    .command('reproduce')
    .description('make a version again: tables, features, split, model, package; compare hashes stage by stage')
    .argument('<run or version>', 'a run’s workflow id, or e.g. ecommerce-intelligence/propensity@3')
    .option('--env <name>', 'dev, staging or prod: where it was made', 'dev')
    .option('--truth <folder>', 'the planted truth it was judged beside, where the data were generated')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExit codes: 0 the same came out · 3 something differs, and it says what')
    .action(async (what: string, options: Options) => {
      const found = await reproduce(what, options);
      options.json ? json(found) : console.log(reproductionText(found));
      if (!found.equal) process.exitCode = 3;
    });
};

const reproduce = async (what: string, { env, truth, json: quiet = false }: Options): Promise<Reproduction> => {
  const environment = loadEnvironment(env);
  const client = await connect(environment);
  try {
    const { model, version } = await versionNamed(environment, client, what);
    const input = { model, version, ...(truth === undefined ? {} : { truth: path.resolve(truth) }) };
    const workflowId = `reproduce/${model}@${version}/${randomUUID()}`;
    const handle = await client.workflow.start<(given: ReproduceInput) => Promise<Reproduction>>('reproduce', {
      workflowId,
      taskQueue: queues.light,
      args: [input],
      staticSummary: `make ${model}@${version} again`,
    });
    if (!quiet) console.error(runPage(environment, workflowId));
    return await follow(client, handle, quiet);
  } finally {
    await client.connection.close();
  }
};

const MARK: Readonly<Record<StageCheck['state'], string>> = {
  equal: pc.green('✔'),
  differs: pc.red('✘'),
  noted: pc.yellow('•'),
  'not reached': pc.dim('–'),
};
const TITLE: Readonly<Record<StageCheck['stage'], string>> = {
  code: 'code version',
  plan: 'plan',
  bronze: 'bronze inputs',
  features: 'features',
  split: 'time split',
  matrix: 'training matrix',
  model: 'model text',
  onnx: 'ONNX',
  package: 'package',
};

export const reproductionText = ({ model, version, equal, firstDifference, stages }: Reproduction): string =>
  [
    ...stages.map(stageText),
    equal
      ? `${pc.bold(`${model}@${version}`)} came out the same, bit for bit`
      : `${pc.bold(`${model}@${version}`)} came out otherwise, first at ${pc.red(firstDifference === null ? 'a stage that was not reached' : TITLE[firstDifference])}`,
  ].join('\n');

const stageText = ({ stage, state, recorded, found, note }: StageCheck): string => {
  const hashes =
    state === 'equal' ? short(found) : state === 'not reached' ? '' : `${short(recorded)} → ${short(found)}`;
  return `${MARK[state]} ${TITLE[stage].padEnd(16)} ${pc.dim(hashes)}${note === '' ? '' : ` ${note}`}`;
};

const short = (text: string): string => (text.length > 60 ? `${text.slice(0, 12)}…` : text);
