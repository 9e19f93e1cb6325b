// Exactly once, shown: a kill after every step five times over, and a hundred kills at random moments. What came of it is written to
// bench/results/promotion-kills.md. `npm run campaign -- test/promotion/kills.campaign.test.ts`
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomStream } from '../../core/random.ts';
import { killAtEveryPoint, POINTS, promotedUnderFire } from './kills.ts';
import { startMortals } from './mortals.ts';
import { counted, expectSound } from './soundness.ts';
import {
  decide,
  fillLake,
  startPromotion,
  startWorld,
  trainFirst,
  untilWaiting,
  variant,
  type World,
} from './world.ts';

const ROUNDS = 5;
const RANDOM_KILLS = 100;
const SEED = 20_260_101;

let world: World;
const found: string[] = [];

beforeAll(async () => {
  world = await startWorld();
  await trainFirst(world, await fillLake(world.at.dev, 'dev'));
  await fillLake(world.at.staging, 'staging');
  await fillLake(world.at.prod, 'prod');
  const stops = [await world.host('staging'), await world.host('prod')];
  // Prod needs a champion to go back to, and staging one that prod has not.
  await (await startPromotion(world.at.staging, 'promote/staging/1', {})).result();
  const handle = await startPromotion(world.at.prod, 'promote/prod/1', { by: 'bob' });
  await untilWaiting(handle);
  await decide(handle, 'approve', { by: 'alice' });
  await handle.result();
  const second = await variant(world, 'second');
  await (await startPromotion(world.at.staging, 'promote/staging/2', { version: second })).result();
  for (const stop of stops) await stop();
}, 600_000);
afterAll(async () => {
  await world?.stop();
  if (found.length > 0) await writeResults();
});

const count = (env: 'staging' | 'prod') => counted(world.at[env]);

describe('a kill after every step', () => {
  for (let round = 1; round <= ROUNDS; round += 1) {
    it(`round ${round}: one new version, alias on a ready model, nothing doubled`, async () => {
      const before = { staging: await count('staging'), prod: await count('prod') };
      const version = await variant(world, `round ${round}`);
      const { points, deaths, ends } = await killAtEveryPoint(world, `round ${round}`, version);
      expect(points).toEqual(POINTS);
      expect(ends.map(({ status }) => status)).toEqual(['promoted', 'promoted', 'rolled back']);
      const after = { staging: await count('staging'), prod: await count('prod') };
      expect(after.staging).toEqual({ versions: before.staging.versions + 1, moves: before.staging.moves + 1 });
      // Prod took one and stepped back.
      expect(after.prod).toEqual({ versions: before.prod.versions + 1, moves: before.prod.moves + 2 });
      await expectSound(world.at.staging);
      await expectSound(world.at.prod);
      const gained = (of: 'versions' | 'moves') =>
        after.staging[of] - before.staging[of] + after.prod[of] - before.prod[of];
      const said = ends.map(({ status }) => status).join(', ');
      const row = [`every point, round ${round}`, deaths, `${points.length} of ${POINTS.length} points`, said];
      found.push(`| ${[...row, gained('versions'), gained('moves'), 'none'].join(' | ')} |`);
    });
  }
});

describe('kills at random moments', () => {
  it(`${RANDOM_KILLS} of them: every promotion ends once, and nothing is doubled`, async () => {
    const random = randomStream(SEED);
    const before = await count('staging');
    const mortals = await startMortals(world, world.at.staging, path.join(os.tmpdir(), 'perennial-no-marks'), 3);
    let promoted = 0;
    while (mortals.deaths() < RANDOM_KILLS) {
      const id = `random/${promoted}`;
      const version = await variant(world, id);
      let over = false;
      const end = promotedUnderFire(world, 'staging', id, version).finally(() => {
        over = true;
      });
      while (!over && mortals.deaths() < RANDOM_KILLS) {
        await new Promise((next) => setTimeout(next, 200 + random() * 3_000));
        if (!over) mortals.kill();
      }
      expect(await end).toMatchObject({ status: 'promoted' });
      promoted += 1;
    }
    const deaths = mortals.deaths();
    await mortals.stop();
    const after = await count('staging');
    expect(after).toEqual({ versions: before.versions + promoted, moves: before.moves + promoted });
    await expectSound(world.at.staging);
    const row = [`random moments, seed ${SEED}`, deaths, '–', `${promoted} promoted`];
    found.push(`| ${[...row, after.versions - before.versions, after.moves - before.moves, 'none'].join(' | ')} |`);
  });
});

const writeResults = async (): Promise<void> => {
  const file = path.join(world.at.dev.environment.root, 'bench', 'results', 'promotion-kills.md');
  await mkdir(path.dirname(file), { recursive: true });
  const text = `# Promotions under SIGKILL

Worker processes that do a promotion's activities are killed by SIGKILL and replaced; the promotion, its approval and its step back must
end as if nothing had happened: one version a package, one move of the alias a promotion, each version once in MLflow, an unbroken audit,
and the alias on a model whose every byte is there and signed. Checked from the tables themselves after each round
(\`test/promotion/soundness.ts\`). Made by \`npm run campaign -- test/promotion/kills.campaign.test.ts\` on ${os.cpus().length} cores.

| kills | workers killed | where | ends | new versions | alias moves | doubled or lost |
|---|---|---|---|---|---|---|
${found.join('\n')}
`;
  await writeFile(file, text);
};
