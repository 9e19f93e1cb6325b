// One column of a contract, from its JSON Schema node and `.meta()`: which SQL type, which values; contradictions are refused.
import { z } from 'zod';
import type { ColumnMeta, ColumnTag } from '../source.ts';

export interface ColumnShape {
  readonly sql: string;
  /** True where an empty field is accepted as null. */
  readonly nullable: boolean;
  readonly tag?: ColumnTag;
  readonly formats?: readonly string[];
  readonly nullValues?: readonly string[];
  readonly allowed?: readonly (string | number)[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
  /** RE2 expressions of which each must be found in the text. */
  readonly patterns?: readonly string[];
  readonly minLength?: number;
  readonly maxLength?: number;
}

const scalar = z.union([z.string(), z.number()]);
const Meta = z.strictObject({
  sql: z.string(),
  tag: z.enum(['identifier', 'location', 'quasi']).optional(),
  formats: z.array(z.string().min(1)).min(1).optional(),
  nullValues: z.array(z.string().min(1)).optional(),
} satisfies Record<keyof ColumnMeta, z.ZodType>);
const Node = z.strictObject({
  ...Meta.shape,
  type: z.enum(['string', 'number', 'integer', 'boolean']).optional(),
  enum: z.array(scalar).min(1).optional(),
  const: scalar.optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  exclusiveMaximum: z.number().optional(),
  minLength: z.int().optional(),
  maxLength: z.int().optional(),
  pattern: z.string().optional(),
  allOf: z.array(z.strictObject({ pattern: z.string() })).optional(),
  format: z.string().optional(),
  title: z.string().optional(),
  description: z.string().optional(),
  examples: z.unknown().optional(),
});
type Node = z.infer<typeof Node>;

/** What kind of value an SQL type holds; `undefined`: bronze does not store it. */
export type SqlKind = 'text' | 'integer' | 'decimal' | 'float' | 'boolean' | 'date' | 'timestamp' | 'uuid';

const KINDS: Readonly<Record<string, SqlKind>> = {
  VARCHAR: 'text',
  TINYINT: 'integer',
  SMALLINT: 'integer',
  INTEGER: 'integer',
  BIGINT: 'integer',
  FLOAT: 'float',
  DOUBLE: 'float',
  BOOLEAN: 'boolean',
  DATE: 'date',
  TIMESTAMP: 'timestamp',
  UUID: 'uuid',
};

/** `DECIMAL(p,s)` with its two numbers. */
export const decimalSize = (sql: string): { precision: number; scale: number } | undefined => {
  const [, precision, scale] = /^DECIMAL\((\d+),\s?(\d+)\)$/.exec(sql) ?? [];
  const size = { precision: Number(precision), scale: Number(scale) };
  return size.precision <= 38 && size.scale <= size.precision ? size : undefined;
};

export const kindOf = (sql: string): SqlKind | undefined => KINDS[sql] ?? (decimalSize(sql) ? 'decimal' : undefined);

/** Which JSON types may stand for which kind; `none` is a zod date or bigint, for which JSON Schema has no word. */
const TYPES: Readonly<Record<SqlKind, readonly string[]>> = {
  text: ['string'],
  uuid: ['string'],
  date: ['string', 'none'],
  timestamp: ['string', 'none'],
  integer: ['integer', 'number', 'none'],
  decimal: ['integer', 'number'],
  float: ['integer', 'number'],
  boolean: ['boolean'],
};
const NUMERIC: readonly SqlKind[] = ['integer', 'decimal', 'float'];

/** Throws a `ZodError` for an unknown keyword, an `Error` for a contradiction. */
export const columnShape = (json: unknown): ColumnShape => {
  const { nullable, node } = unwrap(json);
  const kind = kindOf(node.sql);
  if (kind === undefined) throw new Error(`${node.sql} is not a type that bronze stores`);
  // Formats of zod (uuid, date-time) repeat what the SQL type already says.
  const patterns = kind === 'text' || node.format === undefined ? patternsOf(node) : [];
  const shape = withoutAbsent({
    sql: node.sql,
    nullable,
    tag: node.tag,
    formats: node.formats,
    nullValues: node.nullValues,
    allowed: node.enum ?? (node.const === undefined ? undefined : [node.const]),
    minimum: bound(node.minimum),
    exclusiveMinimum: bound(node.exclusiveMinimum),
    maximum: bound(node.maximum),
    exclusiveMaximum: bound(node.exclusiveMaximum),
    patterns: patterns.length > 0 ? patterns : undefined,
    minLength: node.minLength,
    maxLength: node.maxLength,
  });
  checkKind(kind, node.type ?? 'none', shape);
  checkValues(shape);
  return shape;
};

const EitherNull = z.looseObject({
  anyOf: z.tuple([z.looseObject({}), z.strictObject({ type: z.literal('null') })]),
});
const TypeOrNull = z.looseObject({ type: z.tuple([z.string(), z.literal('null')]) });

/** `.nullable()` wraps the node or widens its type; meta may stand on either side of it. */
const unwrap = (json: unknown): { nullable: boolean; node: Node } => {
  const widened = TypeOrNull.safeParse(json);
  if (widened.success) return { nullable: true, node: Node.parse({ ...widened.data, type: widened.data.type[0] }) };
  const wrapped = EitherNull.safeParse(json);
  if (!wrapped.success) return { nullable: false, node: Node.parse(json) };
  const { anyOf, ...outer } = wrapped.data;
  return { nullable: true, node: Node.parse({ ...anyOf[0], ...outer }) };
};

const patternsOf = ({ pattern, allOf }: Node): string[] => {
  const patterns = [...(pattern === undefined ? [] : [pattern]), ...(allOf ?? []).map((part) => part.pattern)];
  const strange = patterns.find((text) => /\(\?[=!<]|\\[1-9]/.test(text));
  if (strange !== undefined) throw new Error(`the pattern ${strange} looks around or back, which SQL cannot`);
  return patterns;
};

/** z.int() carries the bounds of what JavaScript counts exactly; they say nothing about the data. */
const bound = (value: number | undefined): number | undefined =>
  value === undefined || Math.abs(value) >= Number.MAX_SAFE_INTEGER ? undefined : value;

const checkKind = (kind: SqlKind, type: string, shape: ColumnShape): void => {
  if (!TYPES[kind].includes(type)) throw new Error(`a ${type} cannot be stored as ${shape.sql}`);
  const bounds = [shape.minimum, shape.maximum, shape.exclusiveMinimum, shape.exclusiveMaximum];
  if (bounds.some((value) => value !== undefined) && !NUMERIC.includes(kind))
    throw new Error(`bounds make no sense for ${shape.sql}`);
  if (shape.formats && kind !== 'date' && kind !== 'timestamp')
    throw new Error(`formats make no sense for ${shape.sql}`);
  const texts = [shape.patterns, shape.minLength, shape.maxLength];
  if (texts.some((value) => value !== undefined) && kind !== 'text')
    throw new Error(`a pattern or length makes no sense for ${shape.sql}`);
  const wanted = kind === 'text' ? 'string' : 'number';
  if (shape.allowed?.some((value) => typeof value !== wanted || (wanted === 'number' && !NUMERIC.includes(kind))))
    throw new Error(`the allowed values do not fit ${shape.sql}`);
};

const checkValues = (shape: ColumnShape): void => {
  const least = Math.max(shape.minimum ?? -Infinity, shape.exclusiveMinimum ?? -Infinity);
  const most = Math.min(shape.maximum ?? Infinity, shape.exclusiveMaximum ?? Infinity);
  if (least > most) throw new Error(`no number is at least ${least} and at most ${most}`);
  if ((shape.minLength ?? 0) > (shape.maxLength ?? Infinity)) throw new Error('minLength is above maxLength');
  const both = shape.nullValues?.find((value) => shape.allowed?.includes(value));
  if (both !== undefined) throw new Error(`${both} is allowed and means null at once`);
};

type Absent<T> = { [K in keyof T]: T[K] | undefined };

const withoutAbsent = (shape: Absent<Required<ColumnShape>>): ColumnShape =>
  Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined)) as unknown as ColumnShape;
