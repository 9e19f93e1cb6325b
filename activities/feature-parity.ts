// Both sides of the feature store, row by row: what the lake says is online, as SQL, and the proof by sample that it is.
import type { OnlineRow } from '../adapters/postgres/online-store.ts';
import { canonicalJson } from '../core/commit.ts';
import { PerennialError } from '../core/errors.ts';
import { knownAtSql, valueSql } from '../core/feature-history.ts';
import type { FeatureValue } from '../core/feature-value.ts';
import { onlineName } from '../core/feature-version.ts';
import { identifier, type JsonRow, literal, qualified, type SqlSession } from '../core/sql.ts';
import type { MaterializeInput, Store } from './materialize.ts';

const SAMPLE_ROWS = 1_000;

export const offlineRows = ({ view, features, asOf }: Pick<MaterializeInput, 'view' | 'features' | 'asOf'>): string => {
  const columns = features.map((feature) => `${valueSql(feature)} as ${identifier(feature.name)}`);
  const time = (sql: string) => `strftime((${sql})::timestamp, '%Y-%m-%dT%H:%M:%S.%fZ')`;
  return `select ${identifier(view.entity)}::varchar as entity, ${time('as_of')} as event_time__, ${time(knownAtSql(view))} as known_at__,
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
export const compareSample = async (online: Store, db: SqlSession, input: MaterializeInput) => {
  const { view, sampleRows = SAMPLE_ROWS } = input;
  const chosen = await db.rows(
    `select * from (${offlineRows(input)}) order by md5(entity), entity limit ${Number(sampleRows)}`,
  );
  const offline = chosen.map((row) => onlineRow(row, input));
  const found = await online.read(
    onlineName(view),
    offline.map(({ entity }) => entity),
  );
  const unlike = offline.filter((row) => !equals(found.get(row.entity), row));
  const horizons = await online.horizons(
    onlineName(view),
    unlike.map(({ entity }) => entity),
  );
  const newer = unlike.filter((row) => supersedes(found.get(row.entity), horizons.get(row.entity), row, input.horizon));
  const wrong = unlike.find((row) => !newer.includes(row));
  if (wrong) throw differs(view.table, wrong, found.get(wrong.entity));
  return { sampled: offline.length, newerOnline: newer.length };
};

const equals = (stored: OnlineRow | undefined, row: OnlineRow): boolean =>
  stored !== undefined &&
  !after(stored.eventTime, row.eventTime) &&
  canonicalJson(stored.values) === canonicalJson(row.values);

/** Whether what is online was right to stay: of a later moment, or of the same and by a writer who knew more. */
const supersedes = (
  stored: OnlineRow | undefined,
  storedHorizon: string | undefined,
  row: OnlineRow,
  horizon = row.knownAt,
): boolean => {
  if (stored === undefined || after(row.eventTime, stored.eventTime)) return false;
  if (after(stored.eventTime, row.eventTime)) return true;
  const known = storedHorizon ?? stored.knownAt;
  return after(known, horizon) || (!after(horizon, known) && after(stored.knownAt, row.knownAt));
};

const after = (a: string, b: string): boolean => Date.parse(a) > Date.parse(b);

const differs = (view: string, row: OnlineRow, stored: OnlineRow | undefined): PerennialError => {
  const online = stored ? JSON.stringify(stored.values) : 'no row';
  return new PerennialError(
    'PARITY_BROKEN',
    `the online store disagrees with the lake on ${view}: lake ${JSON.stringify(row.values)}, online ${online}`,
    { field: 'entity', value: row.entity, mend: 'Materialise again under a new run key' },
  );
};
