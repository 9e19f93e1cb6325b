// A contract as SQL: every column's typed value, and a number that says which rule a row breaks first. For the file readers beside it.
import { decimalSize, kindOf, type SqlKind } from '../../core/contract/column-shape.ts';
import type { ContractColumn } from '../../core/contract.ts';
import { identifier, literal } from '../../core/sql.ts';

export interface Rule {
  readonly column: string;
  readonly reason: string;
}

export interface Checks {
  /**
   * From a relation to typed contract columns, `problem` (0, or the position of the first broken rule, from 1), `value` (the offending
   * text, at most 200 characters) and `line` (the given expression over the relation).
   */
  select(relation: string, inputs: ReadonlyMap<string, Input>, lineSql: string): string;
  /** The rules, in the order in which they decide. */
  readonly rules: readonly Rule[];
}

/** A column as it comes from a file: text to be read, or a Parquet value that has the right type already. */
export interface Input {
  readonly sql: string;
  readonly typed: boolean;
}

/** Longest value that the quarantine quotes. */
const QUOTED_CHARACTERS = 200;
const ABSENT: Input = { sql: 'null::varchar', typed: false };

export const compileChecks = (columns: readonly ContractColumn[]): Checks => ({
  rules: columns.flatMap((column) =>
    rulesOf(column, ABSENT).map(([, reason]) => ({ column: column.name, reason: reason.slice(0, QUOTED_CHARACTERS) })),
  ),
  select: (relation, inputs, lineSql) => {
    const ruled = columns.map((column) => {
      const input = inputs.get(column.name) ?? ABSENT;
      return { column, input, rules: rulesOf(column, input) };
    });
    const read = ruled.flatMap(({ column, input }) => [
      `${textSql(column, input)} as ${text(column)}`,
      `${valueSql(column, input)} as ${value(column)}`,
    ]);
    return `
      select ${columns.map(value).join(', ')}, problem, ${quotedSql(ruled)} as "value", source_line as line
      from (select *, ${problemSql(ruled)} as problem from (select ${read.join(', ')}, ${lineSql} as source_line from ${relation}))`;
  },
});

type Condition = readonly [sql: string, reason: string];
interface Ruled {
  readonly column: ContractColumn;
  readonly input: Input;
  readonly rules: readonly Condition[];
}

const text = ({ name }: ContractColumn): string => identifier(`text of ${name}`);
const value = ({ name }: ContractColumn): string => identifier(name);

/** What stands in the file. A CSV reader gives the empty field as null; the contract may name more values that mean null. */
const textSql = ({ nullValues }: ContractColumn, { sql, typed }: Input): string =>
  typed || nullValues === undefined
    ? sql
    : `case when ${sql} in (${nullValues.map(literal).join(', ')}) then null else ${sql} end`;

const valueSql = (column: ContractColumn, input: Input): string =>
  input.typed ? `try_cast(${input.sql} as ${column.sql})` : parsed(column, textSql(column, input));

const parsed = ({ sql, formats }: ContractColumn, source: string): string => {
  if (kindOf(sql) === 'text') return source;
  if (formats) {
    const moment = `try_strptime(${source}, [${formats.map(literal).join(', ')}])`;
    return sql === 'DATE' ? `${moment}::date` : moment;
  }
  // A plain cast would drop an offset such as +05:00 without a word; this one moves the moment to UTC.
  if (sql === 'TIMESTAMP') return `make_timestamp(epoch_us(try_cast(${source} as timestamptz)))`;
  return `try_cast(${source} as ${sql})`;
};

const problemSql = (ruled: readonly Ruled[]): string => {
  const cases = ruled.flatMap(({ rules }) => rules).map(([sql], i) => `when ${sql} then ${i + 1}`);
  return cases.length === 0 ? '0::smallint' : `(case ${cases.join(' ')} else 0 end)::smallint`;
};

const quotedSql = (ruled: readonly Ruled[]): string => {
  let last = 0;
  const cases = ruled.map(({ column, rules }) => {
    last += rules.length;
    return `when problem <= ${last} then left(${text(column)}::varchar, ${QUOTED_CHARACTERS})`;
  });
  return `case when problem = 0 then null ${cases.join(' ')} end`;
};

/** What each kind of value is called where it cannot be read. */
const CALLED: Readonly<Record<SqlKind, string>> = {
  text: 'a text',
  integer: 'an integer',
  decimal: 'a number',
  float: 'a number',
  boolean: 'true or false',
  date: 'a date',
  timestamp: 'a timestamp',
  uuid: 'a UUID',
};

/** Rules of one column in the order in which they decide. */
const rulesOf = (column: ContractColumn, input: Input): readonly Condition[] => {
  const kind = kindOf(column.sql) ?? 'text';
  return [
    ...(column.nullable ? [] : [[`${text(column)} is null`, 'missing'] as const]),
    ...(kind === 'text' ? textRules(column) : readableRules(column, kind, input)),
    ...boundRules(column),
    ...allowedRules(column, kind),
  ];
};

const readableRules = (column: ContractColumn, kind: SqlKind, input: Input): Condition[] => {
  const unreadable = `${value(column)} is null and ${text(column)} is not null`;
  const rules: Condition[] = [[unreadable, `not ${CALLED[kind]}${hint(column, kind)}`]];
  if (['timestamp', 'date', 'float'].includes(kind))
    rules.push([`not isfinite(${value(column)})`, `not ${CALLED[kind]}`]);
  // A typed value has been cast without loss or not at all, but the rule keeps its number.
  return [...rules, ...exactRules(column, kind).map(([sql, why]): Condition => [input.typed ? 'false' : sql, why])];
};

const hint = ({ sql, formats }: ContractColumn, kind: SqlKind): string => {
  if (formats) return ` like ${formats.join(' or ')}`;
  return kind === 'integer' || kind === 'decimal' ? ` that fits ${sql}` : '';
};

/** DuckDB rounds where it casts. The cheap test comes first: it is false for nearly every value of a clean file. */
const exactRules = (column: ContractColumn, kind: SqlKind): Condition[] => {
  const [v, t] = [value(column), text(column)];
  if (kind === 'integer') return [[fractionSql(t, v), 'not an integer']];
  const size = decimalSize(column.sql);
  if (kind !== 'decimal' || size === undefined) return [];
  // Six digits more than stored: enough to see a lost cent, few enough to forgive the noise of a float printed in full.
  const wider = `decimal(${Math.min(38, size.precision + 6)}, ${Math.min(38, size.scale + 6)})`;
  return [
    [`${v}::varchar <> ${t} and try_cast(${t} as ${wider}) is distinct from ${v}`, `more than ${size.scale} decimals`],
  ];
};

/** `17850.0` is an integer, `12.5` is not; a cast to a wide decimal, which takes microseconds, decides over exponents only. */
const fractionSql = (t: string, v: string): string =>
  `${v}::varchar <> ${t} and case when contains(${t}, 'e') or contains(${t}, 'E') then try_cast(${t} as decimal(38, 9)) is distinct from ${v}
     when contains(${t}, '.') then not ends_with(rtrim(trim(${t}), '0'), '.') else false end`;

const textRules = (column: ContractColumn): Condition[] => [
  ...(column.maxLength === undefined
    ? []
    : [[`length(${text(column)}) > ${column.maxLength}`, `too long: above ${column.maxLength} characters`] as const]),
  ...(column.minLength === undefined
    ? []
    : [[`length(${text(column)}) < ${column.minLength}`, `too short: below ${column.minLength} characters`] as const]),
  ...(column.patterns ?? []).map(
    (pattern) => [`not regexp_matches(${text(column)}, ${literal(pattern)})`, `does not match ${pattern}`] as const,
  ),
];

const boundRules = (column: ContractColumn): Condition[] => {
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = column;
  const v = value(column);
  return [
    ...(minimum === undefined ? [] : [[`${v} < ${minimum}`, `below minimum ${minimum}`] as const]),
    ...(exclusiveMinimum === undefined
      ? []
      : [[`${v} <= ${exclusiveMinimum}`, `not above ${exclusiveMinimum}`] as const]),
    ...(maximum === undefined ? [] : [[`${v} > ${maximum}`, `above maximum ${maximum}`] as const]),
    ...(exclusiveMaximum === undefined
      ? []
      : [[`${v} >= ${exclusiveMaximum}`, `not below ${exclusiveMaximum}`] as const]),
  ];
};

const allowedRules = (column: ContractColumn, kind: SqlKind): Condition[] => {
  if (column.allowed === undefined) return [];
  const list = column.allowed.map((item) => (kind === 'text' ? literal(String(item)) : String(item)));
  return [[`${value(column)} not in (${list.join(', ')})`, `not one of ${column.allowed.join('|')}`]];
};
