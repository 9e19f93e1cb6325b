// Moves the log of predictions from Postgres to the lake, batch by batch, each exactly once: a batch is claimed, committed under its own
// key, and only then deleted, so that whoever is killed in between finds the same rows and the same key again.
import { z } from 'zod';
import { type ClaimedPredictions, PostgresPredictionLog } from '../adapters/postgres/prediction-log.ts';
import { type Commit, contentKey } from '../core/commit.ts';
import { type CollectedBatch, type CollectInput, predictionsTable } from '../core/prediction-log.ts';
import type { Deps } from './deps.ts';
import { type Frame, framed } from './heartbeat.ts';
import { type OpenLake, withLake } from './lake-session.ts';
import { parsed } from './parsed.ts';

const Input = z.strictObject({
  batchRows: z.int().min(1).max(100_000).default(20_000),
  lostAfterSeconds: z.int().min(2).max(3_600).optional(),
});

export const createPredictionActivities = (deps: Deps) => ({
  collectPredictionBatch: (input: CollectInput): Promise<CollectedBatch> =>
    framed(deps.crash, (frame) => collectBatch(deps, input, frame)),
});

/** One batch; a batch that was left unfinished first. */
export const collectBatch = async (deps: Deps, input: CollectInput, frame: Frame): Promise<CollectedBatch> => {
  const { batchRows } = parsed(Input, input ?? {}, 'Fields: batchRows; {} will do');
  const log = new PostgresPredictionLog(deps.pool);
  const claimed = await log.claim(batchRows);
  if (!claimed) return { rows: 0, more: false, snapshot: null };
  frame.onProgress({ stage: 'collect predictions', done: 0, total: claimed.rows.length, unit: 'rows' });
  // The batch alone: what this file writes of a row may change, but not whether the batch is there.
  const key = contentKey({ stage: 'collect predictions', version: 1, batch: claimed.batch });
  const commit = await withLake(
    deps,
    frame.signal,
    async (lake) => (await lake.find(key)) ?? commitBatch(lake, claimed, key, frame),
  );
  await log.settle(claimed.batch);
  return { rows: claimed.rows.length, more: await log.waiting(), snapshot: commit.snapshot };
};

const commitBatch = async (
  lake: OpenLake,
  { batch, rows }: ClaimedPredictions,
  key: string,
  { lineage }: Frame,
): Promise<Commit> => {
  await load(lake, rows);
  const staged = await lake.stage(predictionsTable, SELECT);
  return lake.commit({
    key,
    once: 'ever',
    message: `${predictionsTable}: ${rows.length} predictions`,
    writes: [{ table: predictionsTable, files: [staged.file], replace: 'nothing', expectParent: undefined }],
    extra: { lineage, batch, why: 'collected from the log of the API' },
  });
};

const load = async (lake: OpenLake, rows: ClaimedPredictions['rows']): Promise<void> => {
  await lake.db.run('create or replace table memory.main.claimed (row json)');
  const appender = await lake.db.connection.createAppender('claimed', 'main', 'memory');
  for (const row of rows) {
    appender.appendVarchar(JSON.stringify(row));
    appender.endRow();
  }
  appender.closeSync();
};

const text = (name: string): string => `row ->> '${name}'`;
const SELECT = `select
    (${text('id')})::uuid as prediction_id,
    (${text('servedAt')})::timestamp as served_at,
    ${text('useCase')} as use_case,
    ${text('model')} as model,
    (${text('version')})::bigint as version,
    ${text('packageSha256')} as package_sha256,
    ${text('view')} as view,
    ${text('entity')} as entity,
    (${text('probability')})::double as probability,
    (row -> 'features')::varchar as features,
    (${text('featureTime')})::timestamp as feature_time,
    (${text('knownAt')})::timestamp as known_at,
    (${text('coldStart')})::boolean as cold_start,
    (${text('stale')})::boolean as stale,
    (${text('job')})::uuid as job
  from memory.main.claimed order by served_at, prediction_id`;
