// Copies the newest features of every entity from the lake to the online store, chunk by chunk, and proves by sample that both agree.
import {
  type BatchProgress,
  type OnlineRow,
  PostgresOnlineStore,
  type Watermark,
} from '../adapters/postgres/online-store.ts';
import { canonicalJson, contentKey } from '../core/commit.ts';
import { PerennialError } from '../core/errors.ts';
import type { FeatureValue } from '../core/feature-value.ts';
import type { Feature } from '../core/feature-view.ts';
import { identifier, type JsonRow, literal, qualified, type SqlSession } from '../core/sql.ts';
import type { TableName } from '../core/table.ts';
import type { CrashPoint, Deps } from './deps.ts';
import { pinOf, subjectOf } from './examples.ts';
import { type Frame, framed } from './heartbeat.ts';
import { withLake } from './lake-session.ts';
import { readPlan } from './plan.ts';
import type { ModelRequest } from './train.ts';

export interface MaterializeInput {
  /** Identifies this materialisation: a retry goes on with it, a finished one is not done again. */
  readonly runKey: string;
  /** The table names the view in the online store too: it is what a model package knows of its features. */
  readonly view: { readonly table: TableName; readonly entity: string };
  readonly features: readonly Pick<Feature, 'name' | 'kind'>[];
  readonly snapshot: number;
  /** The score cut, an ISO date: rows with this `as_of` are copied. */
  readonly asOf: string;
  /** Column with the time of ingestion; without one, what was known at the cut counts as known then. */
  readonly knownAtColumn?: string;
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

interface Store {
  upsertJson(view: string, rows: string, progress?: BatchProgress): Promise<number>;
  read(view: string, entities: readonly string[]): Promise<ReadonlyMap<string, OnlineRow>>;
  watermark(view: string, runKey: string): Promise<Watermark | undefined>;
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
const SAMPLE_ROWS = 1_000;

/** Raise when this file writes other values from the same features. */
const STAGE_VERSION = 1;

export const createMaterializeActivities = (deps: Deps) => ({
  /** The features that a model reads, as of the newest cut, from the lake to the online store. */
  materializeFeatures: (request: ModelRequest): Promise<Materialized> =>
    framed(deps.crash, async (frame) => {
      const { view } = subjectOf(await readPlan(deps, request.plan), request.model);
      const pin = pinOf(request.pins, view.table);
      const asOf = request.moments.split.score;
      const runKey = contentKey({ stage: 'materialize', version: STAGE_VERSION, features: pin.key, asOf });
      const input = { runKey, view, features: view.features, snapshot: pin.snapshot, asOf };
      return withLake(deps, frame.signal, (lake) =>
        materialize({ lake, online: new PostgresOnlineStore(deps.pool), crash: deps.crash }, input, frame),
      );
    }),
});

/** Copies and compares; `signal` stops it between chunks, `onProgress` hears of each committed chunk. */
export const materialize = async (sides: Sides, input: MaterializeInput, step: Step): Promise<Materialized> => {
  const { lake, online, crash } = sides;
  await lake.pin([{ table: input.view.table, snapshot: input.snapshot }]);
  const mark = await online.watermark(input.view.table, input.runKey);
  const resumedAfter = mark?.rowsDone ?? 0;
  const rows = mark?.finished ? resumedAfter : await copy(sides, input, mark, step);
  crash('after-commit');
  return { rows, resumedAfter, ...(await compareSample(online, lake.db, input)) };
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
    const writing = online.upsertJson(view.table, rows.json, { runKey, lastEntity, rowsDone, finished: false });
    rows = await afterBoth(writing, chunk(lake.db, done - before + chunkRows, chunkRows));
    crash('after-write');
    step.onProgress({ stage: `materialize ${view.table}`, done: rowsDone, total, unit: 'rows' });
  }
  await online.upsertJson(view.table, '[]', { runKey, lastEntity, rowsDone: total, finished: true });
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
  const row = `{entity: entity, "values": {${values.join(', ')}}, "eventTime": event_time__, "knownAt": known_at__}`;
  await db.run(
    `create or replace temp table online_queue as
     select row_number() over (order by entity) as position, entity, to_json(${row})::varchar as "row"
     from (${offlineRows(input)}) ${rest} order by position`,
  );
  return db.number('select count(*) from online_queue');
};

/** Numbers as DOUBLE and categories as text: exactly what the model's vector is made of. What is not finite is missing. */
const offlineRows = ({ view, features, asOf, knownAtColumn }: MaterializeInput): string => {
  const columns = features.map(({ name, kind }) => {
    const column = identifier(name);
    if (kind === 'categorical') return `${column}::varchar as ${column}`;
    return `case when isfinite(${column}::double) then ${column}::double end as ${column}`;
  });
  const knownAt = knownAtColumn === undefined ? 'as_of' : `coalesce(${identifier(knownAtColumn)}, as_of)`;
  const time = (sql: string) => `strftime((${sql})::timestamp, '%Y-%m-%dT%H:%M:%S.%fZ')`;
  return `select ${identifier(view.entity)}::varchar as entity, ${time('as_of')} as event_time__, ${time(knownAt)} as known_at__,
      ${columns.join(', ')}
    from ${qualified(view.table)} where as_of = ${literal(asOf)}::timestamp and ${identifier(view.entity)} is not null`;
};

const onlineRow = (row: JsonRow, { features }: MaterializeInput): OnlineRow => ({
  entity: String(row.entity),
  values: Object.fromEntries(features.map(({ name }) => [name, featureValue(row[name])])),
  eventTime: String(row.event_time__),
  knownAt: String(row.known_at__),
});

const featureValue = (value: JsonRow[string] | undefined): FeatureValue =>
  typeof value === 'number' || typeof value === 'string' ? value : null;

/** Reads entities chosen by hash from both sides; throws `PARITY_BROKEN` naming the first that differs. */
const compareSample = async (online: Store, db: SqlSession, input: MaterializeInput) => {
  const { view, sampleRows = SAMPLE_ROWS } = input;
  const chosen = await db.rows(
    `select * from (${offlineRows(input)}) order by md5(entity), entity limit ${Number(sampleRows)}`,
  );
  const offline = chosen.map((row) => onlineRow(row, input));
  const found = await online.read(
    view.table,
    offline.map(({ entity }) => entity),
  );
  let newerOnline = 0;
  for (const row of offline) {
    const stored = found.get(row.entity);
    if (stored && supersedes(stored, row)) newerOnline += 1;
    else if (!stored || canonicalJson(stored.values) !== canonicalJson(row.values))
      throw differs(view.table, row, stored);
  }
  return { sampled: offline.length, newerOnline };
};

const supersedes = (stored: OnlineRow, row: OnlineRow): boolean => {
  const byEvent = Date.parse(stored.eventTime) - Date.parse(row.eventTime);
  return byEvent > 0 || (byEvent === 0 && Date.parse(stored.knownAt) > Date.parse(row.knownAt));
};

const differs = (view: string, row: OnlineRow, stored: OnlineRow | undefined): PerennialError => {
  const online = stored ? JSON.stringify(stored.values) : 'no row';
  return new PerennialError(
    'PARITY_BROKEN',
    `the online store disagrees with the lake on ${view}: lake ${JSON.stringify(row.values)}, online ${online}`,
    { field: 'entity', value: row.entity, mend: 'Materialise again under a new run key' },
  );
};
