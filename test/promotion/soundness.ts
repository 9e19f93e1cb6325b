// What must be true of an environment's registry after whatever happened to its promotions, read from the tables themselves.
import { expect } from 'vitest';
import { loadPackage } from '../../adapters/artifacts/model-package.ts';
import { registeredName } from '../../adapters/mlflow/models.ts';
import { MODEL, type Place } from './world.ts';

interface Shown {
  readonly version: string;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
}

/** One champion, whole and vouched for; one version a package; one move an attempt; states and audit that tell the same story. */
export const expectSound = async ({ deps, registry, promotions, environment }: Place): Promise<void> => {
  const versions = await registry.versions(MODEL);
  const events = await registry.events(MODEL);
  const attempts = await promotions.list({ model: MODEL, limit: 1_000 });
  const champion = await registry.champion(MODEL);
  // A champion, once there was one, whose bytes are all here.
  const moves = events.filter(({ kind }) => kind === 'alias moved');
  expect(champion?.version).toBe(moves.length === 0 ? undefined : Number(moves.at(-1)?.after));
  if (champion) await loadPackage(deps.artifacts, champion.packageSha256);
  // Each move starts where the one before it ended.
  expect(moves.map(({ before }) => before)).toEqual([null, ...moves.map(({ after }) => after)].slice(0, moves.length));
  // One version a package, one entry in the audit a version.
  expect(new Set(versions.map(({ packageSha256 }) => packageSha256)).size).toBe(versions.length);
  expect(events.filter(({ kind }) => kind === 'version registered')).toHaveLength(versions.length);
  // One move a promotion that moved it, none of the others.
  const crowned = moves.filter(({ operation }) => operation?.startsWith('promote:'));
  const promoted = attempts.filter(({ state, reasons }) => state === 'promoted' && reasons.length === 0);
  expect(new Set(crowned.map(({ operation }) => operation)).size).toBe(crowned.length);
  expect(crowned.length).toBeLessThanOrEqual(promoted.length);
  for (const { operation } of crowned) expect(promoted.map(({ attempt }) => `promote:${attempt}`)).toContain(operation);
  // One reigns; the audit of each version's states leads to the state it has.
  const reigning = versions.filter(({ state }) => ['staging', 'production'].includes(state));
  expect(reigning.map(({ version }) => version)).toEqual(champion ? [champion.version] : []);
  for (const { version, state } of versions) {
    const told = events.filter((event) => event.version === version && event.kind === 'state moved');
    expect(told.at(-1)?.after ?? 'pending').toBe(state);
    expect(told.map(({ before }) => before)).toEqual(
      ['pending', ...told.map(({ after }) => after)].slice(0, told.length),
    );
  }
  await expectSoundPromotions({ deps, registry, promotions, environment } as Place);
};

const expectSoundPromotions = async ({ promotions, deps, environment, registry }: Place): Promise<void> => {
  for (const { attempt, state } of await promotions.list({ model: MODEL, limit: 1_000 })) {
    const events = await promotions.events(attempt);
    expect(events.at(-1)?.after).toBe(state);
    expect(events.map(({ before }) => before)).toEqual(
      [null, ...events.map(({ after }) => after)].slice(0, events.length),
    );
    const reminders = await promotions.reminders(attempt);
    expect(new Set(reminders.map(({ evidence, number }) => `${evidence} ${number}`)).size).toBe(reminders.length);
  }
  // MLflow shows each version once.
  const name = registeredName(environment.name, ...(MODEL.split('/') as [string, string]));
  const reply = await fetch(
    `${deps.mlflow.url}/api/2.0/mlflow/model-versions/search?max_results=1000&filter=${encodeURIComponent(`name = '${name}'`)}`,
  );
  const { model_versions: shown = [] } = (await reply.json()) as { model_versions?: Shown[] };
  const numbers = shown.map(({ tags }) => tags.find(({ key }) => key === 'perennial.version')?.value);
  expect(new Set(numbers).size).toBe(numbers.length);
  const recorded = (await registry.versions(MODEL)).filter(({ mlflow }) => mlflow !== null);
  expect(new Set(recorded.map(({ mlflow }) => mlflow?.version)).size).toBe(recorded.length);
};

/** What a promotion may add to: versions, and moves of the alias. */
export const counted = async ({ registry }: Place) => ({
  versions: (await registry.versions(MODEL)).length,
  moves: (await registry.events(MODEL)).filter(({ kind }) => kind === 'alias moved').length,
});
