// Fifty at once: fifty versions that want the same alias, and fifty promotions of one and the same version, each held back until all stand at
// the last step. What came of it is written to bench/results/promotion-rivals.md. `npm run campaign -- test/promotion/rivals.campaign.test.ts`
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PromotionResult } from '../../core/promotion/messages.ts';
import { raceInto } from './rivals.ts';
import { counted, expectSound } from './soundness.ts';
import { fillLake, MODEL, startPromotion, startWorld, trainFirst, variant, type World } from './world.ts';

const RIVALS = 50;

let world: World;
const found: string[] = [];

beforeAll(async () => {
  world = await startWorld();
  await trainFirst(world, await fillLake(world.at.dev, 'dev'));
  await fillLake(world.at.staging, 'staging');
  const stop = await world.host('staging');
  await (await startPromotion(world.at.staging, 'promote/staging/1', {})).result();
  await stop();
}, 600_000);
afterAll(async () => {
  await world?.stop();
  if (found.length > 0) await writeResults();
});

const counts = () => counted(world.at.staging);
const tally = (ends: readonly PromotionResult[]) => ({
  promoted: ends.filter(({ status }) => status === 'promoted'),
  refused: ends.filter(({ status }) => status === 'superseded'),
});

describe(`${RIVALS} promotions at once`, () => {
  it('of as many versions: one goes, and each of the others hears who was first', async () => {
    const before = await counts();
    const versions: number[] = [];
    for (let i = 0; i < RIVALS; i += 1) versions.push(await variant(world, `rival ${i}`));
    const { promoted, refused } = tally(await raceInto(world, 'rivals', versions));
    const champion = await world.at.staging.registry.champion(MODEL);
    expect(promoted).toHaveLength(1);
    expect(refused).toHaveLength(RIVALS - 1);
    for (const { reasons } of refused)
      expect(reasons[0]).toContain(`version ${champion?.version} became champion first`);
    const after = await counts();
    expect(after.moves).toBe(before.moves + 1);
    await expectSound(world.at.staging);
    found.push(
      `| ${RIVALS} versions | 1 promoted, ${refused.length} refused by name | ${after.moves - before.moves} |`,
    );
  });

  it('of one version: it goes once', async () => {
    const before = await counts();
    const version = await variant(world, 'the one');
    const ends = await raceInto(world, 'one', Array<number>(RIVALS).fill(version));
    const after = await counts();
    expect(after).toEqual({ versions: before.versions + 1, moves: before.moves + 1 });
    expect(new Set(ends.flatMap(({ to }) => (to === null ? [] : [to.version]))).size).toBe(1);
    await expectSound(world.at.staging);
    const { promoted, refused } = tally(ends);
    expect(promoted.length + refused.length).toBe(RIVALS);
    found.push(`| one version, ${RIVALS} times | ${promoted.length} promoted, ${refused.length} refused | 1 |`);
  });
});

const writeResults = async (): Promise<void> => {
  const file = path.join(world.at.dev.environment.root, 'bench', 'results', 'promotion-rivals.md');
  await mkdir(path.dirname(file), { recursive: true });
  const text = `# Promotions that arrive together

Each is held back at its last step until all of them stand there; then all move at once. Checked from the tables themselves afterwards
(\`test/promotion/soundness.ts\`). Made by \`npm run campaign -- test/promotion/rivals.campaign.test.ts\` on ${os.cpus().length} cores.

| at once | ends | alias moves |
|---|---|---|
${found.join('\n')}
`;
  await writeFile(file, text);
};
