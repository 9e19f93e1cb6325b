// `npm run demo`: from nothing to a prediction served by prod, on generated events with a known truth.
import { access } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import pc from 'picocolors';
import { z } from 'zod';
import { generateEvents } from '../../activities/generate.ts';
import { PerennialError } from '../../core/errors.ts';
import { type Environment, loadEnvironment } from '../../environments/environment.ts';
import { makeToken } from '../api-token.ts';
import { heading, promoteUpwards } from '../demo-promotion.ts';
import { withReadOnlyLake } from '../lake.ts';
import { count, seconds } from '../output.ts';
import { printSummary } from '../summary.ts';
import { startRun } from './run.ts';
import { bringUp } from './up.ts';

const USE_CASE = 'ecommerce-intelligence';
const MODEL = 'propensity';
/** How long the API may take to notice a new champion. */
const SWAP_MS = 30_000;

export const register = (program: Command): void => {
  program
    .command('demo')
    .description(
      'set up, generate events, train in dev, promote to staging and prod, ask prod for a prediction; the stack stays up',
    )
    .option('--rows <n>', 'events to generate', Number, 500_000)
    .option('--seed <n>', 'seed of the generated world', Number, 42)
    .option('--only-dev', 'leave staging and prod alone')
    .action(async ({ rows, seed, onlyDev }: { rows: number; seed: number; onlyDev?: boolean }) => {
      const begun = Date.now();
      const dev = loadEnvironment('dev');
      await bringUp(dev);
      const world = await generated(dev, rows, seed);
      const input = { useCase: USE_CASE, path: path.join(world, 'events-*.csv'), source: 'clickstream', seed };
      heading('dev', 'trains, judges and scores');
      const trained = await startRun(dev, { ...input, truth: path.join(world, 'truth') }, { quiet: true });
      if (trained === undefined) return;
      const steps = onlyDev ? [] : await promoteUpwards(`${USE_CASE}/${MODEL}`, input);
      printSummary(dev, trained.summary, trained.page);
      for (const step of steps) console.log(step);
      const answering = steps.length > 0 ? loadEnvironment('prod') : dev;
      if (trained.summary.scored > 0) await showPrediction(answering);
      console.log(
        pc.dim(`\nDone in ${seconds(Date.now() - begun)}. The stack stays up; stop it with: npx perennial down`),
      );
    });
};

/** The folder of generated events; the same rows and seed are the same files, so they are written once. */
const generated = async (environment: Environment, rows: number, seed: number): Promise<string> => {
  const out = path.join(environment.home, 'demo', `${rows}-${seed}`);
  const done = path.join(out, 'truth', 'truth.json');
  if (
    await access(done).then(
      () => true,
      () => false,
    )
  ) {
    console.error(`${pc.green('✔')} events     reused ${out}`);
    return out;
  }
  const { files, seconds: took } = await generateEvents(
    { rows, seed, out, format: 'csv' },
    {
      signal: new AbortController().signal,
      onProgress: ({ done: now, total }) =>
        process.stderr.isTTY &&
        process.stderr.write(`\r\x1b[2K  ${pc.cyan('▶')} generate ${count(now)} of ${count(total)} events`),
    },
  );
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K');
  console.error(
    `${pc.green('✔')} generate   ${pc.dim(`${took.toFixed(1)} s`)} ${count(rows)} events in ${files} daily files`,
  );
  return out;
};

const Answer = z.looseObject({ entity: z.string(), version: z.number(), probability: z.number() });

/** Asks a running API about the likeliest buyer, once it serves the version that scored. */
const showPrediction = async (environment: Environment): Promise<void> => {
  const [likeliest] = await withReadOnlyLake(
    environment,
    undefined,
    (lake) =>
      lake.db.rows('select user_id, model_version from gold.propensity_scores where rank = 1 order by user_id limit 1'),
    'admin',
  );
  const address = `${environment.api.url}/predict/${MODEL}/${likeliest?.user_id}`;
  // Beyond dev nobody is answered without credentials.
  const open = environment.api.anonymousRoles.length > 0;
  const token = open ? undefined : await makeToken(environment, { roles: ['analyst'], seconds: 300 });
  const body = await answerOf(address, Number(likeliest?.model_version), token);
  const credential = open ? '' : `-H "Authorization: Bearer $(npx perennial token --env ${environment.name})" `;
  console.log(`\n${pc.bold('Ask')}       curl ${credential}${address}`);
  console.log(`${pc.bold('Answer')}    ${JSON.stringify(body)} ${pc.dim(`(${environment.name})`)}`);
};

const answerOf = async (address: string, version: number, token?: string): Promise<z.infer<typeof Answer>> => {
  const deadline = Date.now() + SWAP_MS;
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  for (;;) {
    const response = await fetch(address, { headers, signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    const answer = Answer.safeParse(await response?.json().catch(() => undefined));
    if (response?.ok && answer.success && answer.data.version === version) return answer.data;
    if (Date.now() > deadline) {
      throw new PerennialError('UNAVAILABLE', 'the API does not answer with the new version', {
        field: 'address',
        value: address,
        mend: 'Look at `npx perennial status` and the API log',
      });
    }
    await new Promise((next) => setTimeout(next, 250));
  }
};
