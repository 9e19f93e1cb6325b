// Scoring that is asked for over HTTP and done in the background: its states, what it answers, and how far it has come.
import type { Principal } from './api-policy.ts';

export const jobStates = ['queued', 'running', 'done', 'failed', 'canceled'] as const;
export type JobState = (typeof jobStates)[number];

export interface ScoreJob {
  readonly id: string;
  /** Whose it is. */
  readonly principal: string;
  /** As it is served. */
  readonly model: string;
  readonly bodySha256: string;
  readonly state: JobState;
  readonly total: number;
  readonly done: number;
  /** How often its work was taken over from somebody who went away. */
  readonly resumed: number;
  /** Since it was begun, or until it was over. */
  readonly seconds: number | null;
  /** Which versions answered, and how many. */
  readonly versions: readonly { readonly version: number; readonly rows: number }[];
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly expiresAt: string;
  readonly reason: string | null;
}

/** One answer of a job; its version stands beside its chunk. */
export interface ChunkAnswer {
  /** Under which it is noted; absent where a process answered that did not note the answers of jobs yet. */
  readonly predictionId?: string;
  readonly entity: string;
  readonly probability: number;
  readonly coldStart: boolean;
  /** Null: the entity was unknown, or what is known of it has expired. */
  readonly featureTime: string | null;
}

export const isOver = ({ state }: Pick<ScoreJob, 'state'>): boolean => state !== 'queued' && state !== 'running';

/** Rows a second so far, and the seconds that are left at that pace. */
export const paceOf = ({ done, total, seconds, ...job }: ScoreJob): { rate: number | null; left: number | null } => {
  if (done === 0 || seconds === null || seconds <= 0) return { rate: null, left: null };
  const rate = done / seconds;
  return { rate, left: isOver(job) ? null : Math.max(0, total - done) / rate };
};

/** A job is his who asked for it, and the administrators' who look after it; for anybody else it is not there. */
export const maySee = ({ principal }: Pick<ScoreJob, 'principal'>, { id, roles }: Principal): boolean =>
  principal === id || roles.includes('admin');

/** Rows of one chunk: small, for while one is made ready, nobody is answered. */
export const CHUNK_ROWS = 500;

export const chunked = (entities: readonly string[]): string[][] =>
  Array.from({ length: Math.ceil(entities.length / CHUNK_ROWS) }, (_, i) =>
    entities.slice(i * CHUNK_ROWS, (i + 1) * CHUNK_ROWS),
  );
