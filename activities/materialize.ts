// Copies the newest features of every entity from the lake to the online store, chunk by chunk, and proves by sample that both agree.
import { PostgresFeatureRegistry } from '../adapters/postgres/feature-registry.ts';
import {
  type BatchProgress,
  type OnlineRow,
  PostgresOnlineStore,
  type Watermark,
} from '../adapters/postgres/online-store.ts';
import { PostgresRegistry } from '../adapters/postgres/registry.ts';
import { contentKey } from '../core/commit.ts';
import { olderViews, onlineName, type VersionedView } from '../core/feature-version.ts';
import type { Feature } from '../core/feature-view.ts';
import type { Plan } from '../core/plan.ts';
import { identifier, literal, qualified, type SqlSession } from '../core/sql.ts';
import type { TableName } from '../core/table.ts';
import type { CrashPoint, Deps } from './deps.ts';
import { pinOf, subjectOf } from './examples.ts';
import { compareSample, offlineRows } from './feature-parity.ts';
import { type Frame, framed } from './heartbeat.ts';
import { horizonsIn, withLake } from './lake-session.ts';
import { readPlan } from './plan.ts';
import type { ModelRequest } from './train.ts';

export interface MaterializeInput {
  /** Identifies this materialisation: a retry goes on with it, a finished one is not done again. */
  readonly runKey: string;
  /** Table and version name the view in the online store: they are what a model package knows of its features. */
  readonly view: Pick<VersionedView, 'table' | 'entity' | 'version' | 'knownAt'>;
  readonly features: readonly Pick<Feature, 'name' | 'kind'>[];
  readonly snapshot: number;
  /** The score cut, an ISO date: rows with this `as_of` are copied. */
  readonly asOf: string;
  /** When the newest fact that the lake held at the snapshot was ingested, ISO 8601. */
  readonly horizon?: string;
  readonly chunkRows?: number;
  readonly sampleRows?: number;
}

export interface Materialized {
  readonly rows: number;
  /** Rows that this attempt did not have to write, because an earlier one had. */
  readonly resumedAfter: number;
  readonly sampled: number;
  /** Sampled entities whose online row is newer than the lake's cut: right, and not compared. */
  readonly newerOnline: number;
}

export interface Store {
  upsertJson(view: string, rows: string, progress?: BatchProgress): Promise<number>;
  read(view: string, entities: readonly string[]): Promise<ReadonlyMap<string, OnlineRow>>;
  horizons(view: string, entities: readonly string[]): Promise<ReadonlyMap<string, string>>;
  watermark(view: string, runKey: string): Promise<Watermark | undefined>;
  announce(view: string): Promise<void>;
}

export interface PinnedLake {
  readonly db: SqlSession;
  pin(tables: readonly { table: TableName; snapshot: number }[]): Promise<void>;
}

/** The two sides of a materialisation, and where a test may kill it. */
export interface Sides {
  readonly lake: PinnedLake;
  readonly online: Store;
  readonly crash: CrashPoint;
}

type Step = Pick<Frame, 'signal' | 'onProgress'>;

const CHUNK_ROWS = 10_000;

/** Raise when this file writes other values from the same features. */
const STAGE_VERSION = 2;

export const createMaterializeActivities = (deps: Deps) => ({
  /** The features that a model reads, as of the newest cut, from the lake to the online store. */
  materializeFeatures: (request: ModelRequest): Promise<Materialized> =>
    framed(deps.crash, async (frame) => {
      const plan = await readPlan(deps, request.plan);
      const { view } = subjectOf(plan, request.model);
      const pin = pinOf(request.pins, view.table);
      const asOf = request.moments.split.score;
      const runKey = contentKey({ stage: 'materialize', version: STAGE_VERSION, features: pin.key, asOf });
      const champion = await new PostgresRegistry(deps.pool).champion(`${plan.useCase}/${request.model}`);
      return withLake(deps, frame.signal, async (lake) => {
        const horizonOf = await horizonsIn(lake);
        const horizon = await horizonOf(pin.snapshot);
        const sides = { lake, online: new PostgresOnlineStore(deps.pool), crash: deps.crash };
        const input = {
          runKey,
          features: view.features,
          snapshot: pin.snapshot,
          asOf,
          ...(horizon !== null && { horizon }),
        };
        const materialized = await materialize(sides, { ...input, view }, frame);
        for (const older of olderViews(view, champion)) await materialize(sides, { ...input, view: older }, frame);
        await record(deps, plan, view);
        return materialized;
      });
    }),
});

/** Which version is online now: what a push is held against, and what people are shown. */
const record = async ({ pool }: Deps, { useCase }: Plan, view: VersionedView): Promise<void> => {
  const { name, version, table, entity, owner = null, ttlDays = null } = view;
  if (version === undefined) return;
  const features = view.features.map(({ name: feature, kind }) => ({ name: feature, kind }));
  await new PostgresFeatureRegistry(pool).record({
    view: name,
    version,
    useCase,
    table,
    entity,
    features,
    owner,
    ttlDays,
  });
};

/** Copies and compares; `signal` stops it between chunks, `onProgress` hears of each committed chunk. */
export const materialize = async (sides: Sides, asked: MaterializeInput, step: Step): Promise<Materialized> => {
  const { lake, online, crash } = sides;
  const name = onlineName(asked.view);
  await lake.pin([{ table: asked.view.table, snapshot: asked.snapshot }]);
  const input = { ...asked, view: await asItStood(lake.db, asked.view) };
  const mark = await online.watermark(name, input.runKey);
  const resumedAfter = mark?.rowsDone ?? 0;
  const rows = mark?.finished ? resumedAfter : await copy(sides, input, mark, step);
  crash('after-commit');
  await online.announce(name);
  return { rows, resumedAfter, ...(await compareSample(online, lake.db, input)) };
};

/** A table that was built before it said when facts became known does not say so now. */
const asItStood = async (db: SqlSession, view: MaterializeInput['view']): Promise<MaterializeInput['view']> => {
  const columns = await db.rows(`describe from ${qualified(view.table)}`);
  const { knownAt, ...timeless } = view;
  return columns.some(({ column_name: column }) => column === knownAt) ? view : timeless;
};

/** While Postgres writes one chunk, the next is read. */
const copy = async (sides: Sides, input: MaterializeInput, mark: Watermark | undefined, step: Step) => {
  const { lake, online, crash } = sides;
  const { runKey, view, chunkRows = CHUNK_ROWS } = input;
  const before = mark?.rowsDone ?? 0;
  const total = before + (await queue(lake.db, input, mark?.lastEntity ?? null));
  let lastEntity = mark?.lastEntity ?? null;
  let rows = await chunk(lake.db, 0, chunkRows);
  for (let done = before; done < total; done += chunkRows) {
    step.signal.throwIfAborted();
    lastEntity = rows.lastEntity ?? lastEntity;
    const rowsDone = done + rows.count;
    const writing = online.upsertJson(onlineName(view), rows.json, { runKey, lastEntity, rowsDone, finished: false });
    rows = await afterBoth(writing, chunk(lake.db, done - before + chunkRows, chunkRows));
    crash('after-write');
    step.onProgress({ stage: `materialize ${view.table}`, done: rowsDone, total, unit: 'rows' });
  }
  await online.upsertJson(onlineName(view), '[]', { runKey, lastEntity, rowsDone: total, finished: true });
  return total;
};

/** What was read, once the write is over too: a session must not be closed under a running query, whatever failed. */
const afterBoth = async <T>(writing: Promise<unknown>, reading: Promise<T>): Promise<T> => {
  await Promise.allSettled([writing, reading]);
  await writing;
  return reading;
};

interface Chunk {
  /** A JSON array of online rows. */
  readonly json: string;
  readonly count: number;
  readonly lastEntity: string | null;
}

const chunk = async (db: SqlSession, from: number, size: number): Promise<Chunk> => {
  const [row] = await db.rows(
    `select '[' || coalesce(string_agg("row", ',' order by position), '') || ']' as json, count(*)::integer as count,
       arg_max(entity, position) as last_entity
     from online_queue where position > ${from} and position <= ${from + size}`,
  );
  const { json, count, last_entity: last } = row ?? {};
  return { json: String(json), count: Number(count), lastEntity: last === null ? null : String(last) };
};

/** Numbers the rows that are still to do, in entity order, inside the session (it spills to disk); returns how many there are. */
const queue = async (db: SqlSession, input: MaterializeInput, after: string | null): Promise<number> => {
  const rest = after === null ? '' : `where entity > ${literal(after)}`;
  const values = input.features.map(({ name }) => `${identifier(name)}: ${identifier(name)}`);
  const horizon = input.horizon === undefined ? '' : `, horizon: ${literal(input.horizon)}`;
  const row = `{entity: entity, "values": {${values.join(', ')}}, "eventTime": event_time__, "knownAt": known_at__${horizon}}`;
  await db.run(
    `create or replace temp table online_queue as
     select row_number() over (order by entity) as position, entity, to_json(${row})::varchar as "row"
     from (${offlineRows(input)}) ${rest} order by position`,
  );
  return db.number('select count(*) from online_queue');
};
