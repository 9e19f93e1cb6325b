// What changed between two versions of an environment's data: which tables, how many rows, and by key which rows and which of their columns.
import pc from 'picocolors';
import type { Pin } from '../core/commit.ts';
import { NOW } from '../core/data-tag.ts';
import { rowKeys } from '../core/row-keys.ts';
import { identifier, type JsonRow, qualified, type SqlSession } from '../core/sql.ts';
import type { TableName } from '../core/table.ts';
import type { Environment } from '../environments/environment.ts';
import { useCases } from '../models/index.ts';
import { withTags } from './data-tags.ts';
import { type Reader, type ReadOnlyLake, withReadOnlyLake } from './lake.ts';
import { count } from './output.ts';

export interface DataDiff {
  readonly from: string;
  readonly to: string;
  readonly tables: readonly TableDiff[];
  readonly unchanged: readonly TableName[];
}

export interface TableDiff {
  readonly table: TableName;
  readonly change: 'added' | 'removed' | 'changed';
  /** Null on the side where the table is absent. */
  readonly rows: readonly [before: number | null, after: number | null];
  readonly columns: { readonly added: readonly string[]; readonly removed: readonly string[] };
  /** Null where the table is absent on one side. */
  readonly byKey: RowDiff | null;
}

export interface RowDiff {
  /** None: rows are compared whole. */
  readonly key: readonly string[];
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  /** At most three of each kind. */
  readonly examples: readonly RowExample[];
}

export interface RowExample {
  readonly what: 'added' | 'removed' | 'changed';
  readonly key: JsonRow;
  /** Columns that differ, as they were and as they are. */
  readonly columns: Readonly<Record<string, readonly [unknown, unknown]>>;
}

/** Compares two tags, or a tag with `now`. */
export const compareData = async (
  environment: Environment,
  from: string,
  to: string,
  reader?: Reader,
): Promise<DataDiff> =>
  withReadOnlyLake(
    environment,
    undefined,
    async (lake) => {
      const pinsOf = (name: string): Promise<readonly Pin[]> =>
        name === NOW
          ? lake.commits.heads()
          : withTags(environment, async (tags) => (await tags.get(name)).tables, reader);
      return { from, to, ...(await comparePins(lake, await pinsOf(from), await pinsOf(to))) };
    },
    reader,
  );

export const comparePins = async (
  lake: Pick<ReadOnlyLake, 'db'>,
  before: readonly Pin[],
  after: readonly Pin[],
): Promise<Pick<DataDiff, 'tables' | 'unchanged'>> => {
  const keys = rowKeys(useCases);
  const names = [...new Set([...before, ...after].map(({ table }) => table))].sort();
  const tables: TableDiff[] = [];
  const unchanged: TableName[] = [];
  for (const table of names) {
    const [old, present] = [before, after].map((pins) => pins.find((pin) => pin.table === table));
    const found = await compareTable(lake.db, table, old, present, keys.get(table));
    found ? tables.push(found) : unchanged.push(table);
  }
  return { tables, unchanged };
};

const compareTable = async (
  db: SqlSession,
  table: TableName,
  before: Pin | undefined,
  after: Pin | undefined,
  key: readonly string[] | undefined,
): Promise<TableDiff | undefined> => {
  const built = !table.startsWith('bronze.');
  if (before?.snapshot === after?.snapshot || (built && before?.key === after?.key)) return undefined;
  const [old, present] = [await sideOf(db, before), await sideOf(db, after)];
  const columns = {
    added: present.columns.filter((name) => !old.columns.includes(name)),
    removed: old.columns.filter((name) => !present.columns.includes(name)),
  };
  const rows = [old.rows, present.rows] as const;
  if (!before || !after) {
    const none = { added: [], removed: [] };
    return { table, change: before ? 'removed' : 'added', rows, columns: none, byKey: null };
  }
  const shared = old.columns.filter((name) => present.columns.includes(name));
  const usable = key?.every((name) => shared.includes(name)) ? key : undefined;
  const byKey = usable
    ? await compareRows(db, before, after, usable, shared)
    : await compareWhole(db, before, after, shared);
  if (byKey.added + byKey.removed + byKey.changed === 0 && columns.added.length + columns.removed.length === 0)
    return undefined;
  return { table, change: 'changed', rows, columns, byKey };
};

const at = ({ table, snapshot }: Pin): string => `lake.${qualified(table)} at (version => ${snapshot})`;

const sideOf = async (db: SqlSession, pin: Pin | undefined) => {
  if (!pin) return { rows: null, columns: [] as string[] };
  const described = await db.rows(`describe from ${at(pin)}`);
  return {
    rows: await db.number(`select count(*) from ${at(pin)}`),
    columns: described.map(({ column_name: name }) => String(name)),
  };
};

const KINDS = ['added', 'removed', 'changed'] as const;
const EXAMPLES = 3;

const compareRows = async (
  db: SqlSession,
  before: Pin,
  after: Pin,
  key: readonly string[],
  shared: readonly string[],
): Promise<RowDiff> => {
  const names = key.map(identifier).join(', ');
  const columns = shared.map(identifier).join(', ');
  const hashed = (pin: Pin) =>
    `select ${names}, md5_number(to_json(r)::varchar) as h from (select ${columns} from ${at(pin)}) r`;
  await db.run(
    `create or replace temp table differing as
     select ${names}, case when a.h is null then 'added' when b.h is null then 'removed' else 'changed' end as what
     from (${hashed(before)}) a full join (${hashed(after)}) b using (${names}) where a.h is distinct from b.h`,
  );
  const counts = await db.rows('select what, count(*)::integer as rows from differing group by what');
  const countOf = (kind: string) => Number(counts.find(({ what }) => what === kind)?.rows ?? 0);
  const found = await db.rows(
    `select what, to_json(struct_pack(${key.map((name) => `${identifier(name)} := d.${identifier(name)}`).join(', ')}))::varchar as key,
       (select to_json(a)::varchar from (select ${columns} from ${at(before)}) a where ${same(key, 'a')}) as old,
       (select to_json(b)::varchar from (select ${columns} from ${at(after)}) b where ${same(key, 'b')}) as new
     from (select *, row_number() over (partition by what order by ${names}) as nth from differing) d
     where nth <= ${EXAMPLES} order by what, nth`,
  );
  return {
    key,
    added: countOf('added'),
    removed: countOf('removed'),
    changed: countOf('changed'),
    examples: found.map(example),
  };
};

/** Without a key a changed row is one that went and one that came. */
const compareWhole = async (db: SqlSession, before: Pin, after: Pin, shared: readonly string[]): Promise<RowDiff> => {
  const columns = shared.map(identifier).join(', ');
  const rows = (pin: Pin) => `(select ${columns} from ${at(pin)})`;
  const without = (some: Pin, others: Pin) =>
    db.number(`select count(*) from (${rows(some)} except all ${rows(others)})`);
  const [added, removed] = [await without(after, before), await without(before, after)];
  return { key: [], added, removed, changed: 0, examples: [] };
};

const same = (key: readonly string[], side: string): string =>
  key.map((name) => `${side}.${identifier(name)} = d.${identifier(name)}`).join(' and ');

const example = (row: JsonRow): RowExample => {
  const parsed = (text: unknown): Record<string, unknown> => (typeof text === 'string' ? JSON.parse(text) : {});
  const [old, present] = [parsed(row.old), parsed(row.new)];
  const key = parsed(row.key) as JsonRow;
  const what = KINDS.find((kind) => kind === row.what) ?? 'changed';
  const moved = Object.keys({ ...old, ...present }).filter(
    (name) => !Object.hasOwn(key, name) && JSON.stringify(old[name]) !== JSON.stringify(present[name]),
  );
  return {
    what,
    key,
    columns: Object.fromEntries(moved.map((name) => [name, [old[name] ?? null, present[name] ?? null]])),
  };
};

const MARK = { added: '+', removed: '−', changed: '~' } as const;
const PAINT = { added: pc.green, removed: pc.red, changed: pc.yellow } as const;

export const dataDiffText = ({ from, to, tables, unchanged }: DataDiff): string =>
  [
    `${pc.bold(from)} → ${pc.bold(to)}: ${tables.length} tables differ, ${unchanged.length} are the same`,
    ...tables.flatMap(tableText),
  ].join('\n');

const tableText = ({ table, change, rows, columns, byKey }: TableDiff): string[] => {
  const [before, after] = rows.map((number) => (number === null ? 'absent' : count(number)));
  const moved = [...columns.added.map((name) => `+${name}`), ...columns.removed.map((name) => `−${name}`)];
  const keyed =
    byKey &&
    `; by ${byKey.key.join(', ') || 'whole rows'}: +${count(byKey.added)} −${count(byKey.removed)} ~${count(byKey.changed)}`;
  return [
    PAINT[change](`${MARK[change]} ${table}`) +
      pc.dim(` ${before} → ${after} rows${keyed ?? ''}${moved.length === 0 ? '' : `; columns ${moved.join(' ')}`}`),
    ...(byKey?.examples ?? []).map(exampleText),
  ];
};

const exampleText = ({ what, key, columns }: RowExample): string => {
  const name = Object.values(key).join(' · ');
  const shown = Object.entries(columns)
    .slice(0, 4)
    .map(([column, [old, present]]) =>
      what === 'changed'
        ? `${column} ${short(old)} → ${short(present)}`
        : `${column} ${short(what === 'added' ? present : old)}`,
    );
  return `    ${MARK[what]} ${name}: ${shown.join(', ')}`;
};

const short = (value: unknown): string => {
  const text = value === null ? 'null' : typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 30 ? `${text.slice(0, 29)}…` : text;
};
