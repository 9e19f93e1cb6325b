// Does scoring jobs in the API's own process, a chunk at a time between requests. A chunk is claimed, answered and written with the progress
// it means; who is killed in between leaves a lease that runs out, and any API of the environment goes on.
import { randomUUID } from 'node:crypto';
import type { ClaimedChunk, PostgresScoreJobs } from '../../adapters/postgres/score-jobs.ts';
import { PerennialError } from '../../core/errors.ts';
import type { LoggedPrediction } from '../../core/prediction-log.ts';
import { CHUNK_ROWS } from '../../core/score-job.ts';
import type { ModelKeeper } from '../keeper.ts';
import type { Champion, LoadedModel, Log, OnlineStore } from '../ports.ts';
import { predictionOf, recordOf, seen } from '../scoring/answer.ts';

export type JobWork = Pick<PostgresScoreJobs, 'claim' | 'online' | 'commit' | 'setBack'>;

export interface RunnerOptions {
  readonly jobs: JobWork;
  readonly keeper: Pick<ModelKeeper, 'use' | 'served'>;
  readonly now: () => number;
  readonly online: Pick<OnlineStore, 'read'>;
  readonly log: Log;
  /** Present delay of the event loop: while it is late, requests come first. */
  readonly delayMs: () => number;
  readonly leaseMs?: number;
  /** Between two looks for work. */
  readonly idleMs?: number;
  /** Before a chunk that failed is tried again. */
  readonly pauseMs?: number;
}

const LEASE_MS = 10_000;
const IDLE_MS = 1_000;
const PAUSE_MS = 5_000;
/** With the pauses between them about five minutes. */
const MOST_TRIES = 60;
const LATE_MS = 20;
const WAIT_MS = 50;
/** So that a job comes on, however busy the server is. */
const MOST_WAITS = 20;

export class JobRunner {
  private readonly options: RunnerOptions;
  private working: Promise<void> | undefined;
  private stopped = false;
  private trouble = false;
  private wake: () => void = () => undefined;

  constructor(options: RunnerOptions) {
    this.options = options;
  }

  start(): void {
    this.working ??= this.work();
  }

  /** There is something to do. */
  kick(): void {
    this.wake();
  }

  /** The chunk in hand is finished first. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.working;
  }

  /** Does one chunk of some job; false where there is none. Never rejects. */
  async step(): Promise<boolean> {
    const { jobs, log, leaseMs = LEASE_MS } = this.options;
    try {
      const claimed = await jobs.claim(randomUUID(), leaseMs);
      this.trouble = false;
      if (!claimed) return false;
      await this.answerOrSetBack(claimed);
      return true;
    } catch (error) {
      // Its lease runs out by itself.
      if (!this.trouble) log.warn({ reason: String(error) }, 'Scoring jobs cannot be worked on; they wait');
      this.trouble = true;
      return false;
    }
  }

  private async work(): Promise<void> {
    const { idleMs = IDLE_MS } = this.options;
    while (!this.stopped) {
      const did = await this.step();
      if (this.stopped) return;
      await (did ? this.calm() : this.rest(idleMs));
    }
  }

  /** Lets requests through, and while they are many, waits. */
  private async calm(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    for (let waits = 0; waits < MOST_WAITS && this.options.delayMs() > LATE_MS; waits += 1) await this.rest(WAIT_MS);
  }

  private rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private async answerOrSetBack(claimed: ClaimedChunk): Promise<void> {
    const { jobs, log, pauseMs = PAUSE_MS } = this.options;
    try {
      await this.answer(claimed);
    } catch (error) {
      const hopeless = error instanceof PerennialError && error.hopeless;
      const failed = hopeless || claimed.tries + 1 >= MOST_TRIES;
      const reason = error instanceof PerennialError ? error.message : 'The chunk could not be answered';
      if (failed || claimed.tries === 0)
        log.warn({ job: claimed.job, reason: String(error), failed }, 'A scoring job is held up');
      await jobs.setBack(claimed, { reason, pauseMs, failed });
    }
  }

  /** By the version that is champion now: a job whose champion changes tells which rows are whose. */
  private answer(claimed: ClaimedChunk): Promise<boolean> {
    const { jobs, keeper } = this.options;
    return keeper.use(claimed.model, async (model, champion) => {
      const everybody = claimed.entities === undefined;
      const entities = claimed.entities ?? (await jobs.online(model.view, claimed.lastEntity, CHUNK_ROWS));
      const finished = everybody ? entities.length < CHUNK_ROWS : claimed.isLast;
      const records = entities.length === 0 ? [] : await this.score(claimed, { champion, model }, entities);
      return jobs.commit(claimed, { records, finished });
    });
  }

  private async score(
    { job, model: name }: ClaimedChunk,
    { champion, model }: { readonly champion: Champion; readonly model: LoadedModel },
    entities: readonly string[],
  ): Promise<readonly LoggedPrediction[]> {
    const { online, keeper, now } = this.options;
    const { view } = model;
    const { useCase } = keeper.served(name);
    // Past the memory of features: those who ask one by one shall find theirs there.
    const reading = { found: await online.read(view, entities), stale: new Set<string>() };
    const rows = entities.map((entity) => seen(model, reading, entity));
    const probabilities = await model.scoreMany(rows);
    const at = { name, champion, reading, servedAt: new Date(now()).toISOString() };
    return entities.map((entity, i) => {
      const prediction = predictionOf(at, { entity, row: rows[i] ?? {}, probability: probabilities[i] });
      return recordOf(useCase, { name, champion, view, job }, prediction);
    });
  }
}
