// Promotions whose workers are killed by SIGKILL at every labelled point, once each: the first half of the way into staging, the second
// into prod, and the step back there.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { PromotionResult, RollbackResult } from '../../core/promotion/messages.ts';
import { queues } from '../../workflows/names.ts';
import { startMortals } from './mortals.ts';
import { decide, promotion, startPromotion, until, untilWaiting, type World } from './world.ts';

const INTO_STAGING = [
  'checkPromotion',
  'freezeEvidence',
  'checkGates',
  'recordState',
  'recordDecision',
  'remind',
  'copyBytes',
];
const INTO_PROD = ['registerPromoted', 'showPromoted', 'moveChampion', 'showChampion', 'showOutcome', 'planScoring'];
const BACK = ['rollBack'];
/** These write nothing, or nothing but what they answer: they have no point in between. */
const READERS = ['checkGates', 'showChampion', 'showOutcome', 'planScoring'];

/** Every labelled point of every activity of a promotion and of a rollback. */
export const POINTS: readonly string[] = [...INTO_STAGING, ...INTO_PROD, ...BACK]
  .flatMap((name) => [
    `${name}.before-write`,
    ...(READERS.includes(name) ? [] : [`${name}.after-write`]),
    `${name}.after-commit`,
  ])
  .sort();

export interface Killed {
  /** The points at which a worker was killed. */
  readonly points: readonly string[];
  readonly deaths: number;
  readonly ends: readonly (PromotionResult | RollbackResult)[];
}

/** Takes `version` of dev into staging, and meanwhile staging's present champion into prod and back. */
export const killAtEveryPoint = async (world: World, name: string, version: number): Promise<Killed> => {
  const marks = mkdtempSync(path.join(tmpdir(), 'perennial-kills-'));
  const { staging, prod } = world.at;
  const present = (await staging.registry.champion('ecommerce-intelligence/propensity'))?.version ?? 0;
  const mortals = await Promise.all([staging, prod].map((place) => startMortals(world, place, marks)));
  const up = promotedUnderFire(world, 'staging', `kill/${name}@${INTO_STAGING.join('+')}`, version);
  const on = async () => {
    const end = await promotedUnderFire(world, 'prod', `kill/${name}@${INTO_PROD.join('+')}`, present);
    return [end, await rolledBack(world, `kill/${name}/back@${BACK.join('+')}`)];
  };
  const ends = (await Promise.all([up, on()])).flat();
  for (const { stop } of mortals) await stop();
  const points = readdirSync(marks).sort();
  rmSync(marks, { recursive: true });
  return { points, deaths: mortals.reduce((sum, { deaths }) => sum + deaths(), 0), ends };
};

/** A promotion by impatient people: what a dead worker held is given on after two seconds, and they are reminded each second. */
export const promotedUnderFire = async (
  { at }: World,
  name: 'staging' | 'prod',
  id: string,
  version: number,
): Promise<PromotionResult> => {
  const given = { by: 'bob', version, lostAfterSeconds: 2, remindAfterSeconds: 1 };
  const handle = await startPromotion(at[name], id, given);
  await untilWaiting(handle);
  // Killed in its delivery too, the reminder comes once.
  if (id.includes('remind')) await until(async () => ((await promotion(handle)).notes.length > 0 ? true : undefined));
  await decide(handle, 'approve', { by: 'alice' });
  return handle.result();
};

export const rolledBack = ({ at }: World, workflowId: string): Promise<RollbackResult> =>
  at.prod.client.workflow.execute<(input: object) => Promise<RollbackResult>>('rollback', {
    workflowId,
    taskQueue: queues.light,
    args: [{ by: 'alice', lostAfterSeconds: 2 }],
  });
