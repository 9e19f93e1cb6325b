// The contract reader: what it understands, and that it refuses what it would otherwise lose.
import { expect, test } from 'vitest';
import { z } from 'zod';
import { columnsOf, contractHash } from '../../core/contract.ts';
import type { Source } from '../../core/source.ts';

const at = z.string().meta({ sql: 'TIMESTAMP', formats: ['%Y-%m-%d %H:%M:%S UTC'] });
const source = (shape: Record<string, z.ZodType>, over: Partial<Source> = {}): Source => ({
  name: 'clicks',
  description: '',
  table: 'bronze.clicks',
  contract: z.strictObject({ at, ...shape }),
  eventTime: 'at',
  refuseAbove: 0.2,
  ...over,
});
const column = (schema: z.ZodType) => columnsOf(source({ x: schema }))[1];

test('reads types, bounds, tags and formats in the order of the contract', () => {
  const columns = columnsOf(
    source({
      kind: z.enum(['view', 'cart']).meta({ sql: 'VARCHAR' }),
      price: z.number().gt(0).max(9).nullable().meta({ sql: 'DECIMAL(12,2)', tag: 'quasi' }),
      user: z
        .int()
        .min(1)
        .meta({ sql: 'INTEGER', nullValues: ['NA'] }),
    }),
  );
  expect(columns).toEqual([
    { name: 'at', sql: 'TIMESTAMP', nullable: false, required: true, formats: ['%Y-%m-%d %H:%M:%S UTC'] },
    { name: 'kind', sql: 'VARCHAR', nullable: false, required: true, allowed: ['view', 'cart'] },
    {
      name: 'price',
      sql: 'DECIMAL(12,2)',
      nullable: true,
      required: true,
      tag: 'quasi',
      exclusiveMinimum: 0,
      maximum: 9,
    },
    { name: 'user', sql: 'INTEGER', nullable: false, required: true, minimum: 1, nullValues: ['NA'] },
  ]);
});

test('meta may stand inside or outside of nullable, and optional columns may be absent', () => {
  expect(column(z.string().meta({ sql: 'VARCHAR' }).nullable())).toMatchObject({ nullable: true, required: true });
  expect(column(z.string().nullable().meta({ sql: 'VARCHAR' }))).toMatchObject({ nullable: true, required: true });
  expect(column(z.string().nullish().meta({ sql: 'VARCHAR' }))).toMatchObject({ nullable: true, required: false });
});

test('several patterns all count, and formats that the SQL type repeats are dropped', () => {
  expect(column(z.string().regex(/^C/).regex(/\d$/).meta({ sql: 'VARCHAR' }))?.patterns).toEqual(['^C', '\\d$']);
  expect(column(z.uuid().meta({ sql: 'UUID' }))?.patterns).toBeUndefined();
  expect(column(z.date().meta({ sql: 'DATE' }))).toMatchObject({ sql: 'DATE' });
  expect(column(z.literal('x').meta({ sql: 'VARCHAR' }))?.allowed).toEqual(['x']);
});

const refused: Record<string, [z.ZodType, RegExp]> = {
  'no SQL type': [z.string(), /sql/],
  'an unknown SQL type': [z.string().meta({ sql: 'ENUM' }), /ENUM is not a type that bronze stores/],
  'a misspelt meta': [z.string().meta({ sql: 'VARCHAR', nullvalues: ['x'] }), /nullvalues/],
  'an unknown keyword': [z.int().multipleOf(2).meta({ sql: 'INTEGER' }), /multipleOf/],
  'a refinement': [
    z
      .string()
      .refine((x) => x.length > 3)
      .meta({ sql: 'VARCHAR' }),
    /refinement/,
  ],
  'a hidden refinement': [
    z
      .string()
      .refine((x) => x.length > 3)
      .nullable()
      .meta({ sql: 'VARCHAR' }),
    /refinement/,
  ],
  'a transform': [
    z
      .string()
      .transform((x) => x.length)
      .meta({ sql: 'VARCHAR' }),
    /silver/,
  ],
  'a trim': [z.string().trim().meta({ sql: 'VARCHAR' }), /silver/],
  'a default': [z.int().default(3).meta({ sql: 'INTEGER' }), /silver/],
  'a union': [z.union([z.string(), z.number()]).meta({ sql: 'VARCHAR' }), /silver/],
  'bounds that JSON Schema loses': [z.bigint().min(3n).meta({ sql: 'BIGINT' }), /bounds of a bigint/],
  'a text as number': [z.string().meta({ sql: 'INTEGER' }), /string cannot be stored as INTEGER/],
  'a number as text': [z.int().meta({ sql: 'VARCHAR' }), /cannot be stored as VARCHAR/],
  'formats of a text': [z.string().meta({ sql: 'VARCHAR', formats: ['%Y'] }), /formats/],
  'an impossible range': [z.number().min(5).max(3).meta({ sql: 'DOUBLE' }), /at least 5 and at most 3/],
  'a null that is allowed': [z.enum(['a', 'NA']).meta({ sql: 'VARCHAR', nullValues: ['NA'] }), /at once/],
  'a look-around': [
    z
      .string()
      .regex(/(?=a)b/)
      .meta({ sql: 'VARCHAR' }),
    /looks around/,
  ],
};
for (const [what, [schema, says]] of Object.entries(refused))
  test(`refuses ${what}, naming source and column`, () => {
    expect(() => column(schema)).toThrow(says);
    expect(() => column(schema)).toThrow(/source clicks: column x/);
  });

test('refuses sources that contradict themselves', () => {
  const text = z.string().meta({ sql: 'VARCHAR' });
  expect(() => columnsOf(source({}, { eventTime: 'when' }))).toThrow(/eventTime names no column/);
  expect(() => columnsOf(source({ x: text }, { eventTime: 'x' }))).toThrow(/not a DATE or TIMESTAMP/);
  expect(() => columnsOf(source({ AT: text }))).toThrow(/twice/);
  expect(() => columnsOf(source({ file_id: text }))).toThrow(/added by ingestion/);
  expect(() => columnsOf(source({ 'a b': text }))).toThrow(/letters, digits/);
  expect(() => columnsOf(source({}, { refuseAbove: 20 }))).toThrow(/share/);
  expect(() => columnsOf(source({}, { table: 'bronze.files' }))).toThrow(/belongs to ingestion/);
});

test('the hash moves with every rule and with nothing else', () => {
  const rule = (max: number) => source({ x: z.int().max(max).meta({ sql: 'INTEGER' }) });
  expect(contractHash(rule(3))).toBe(contractHash({ ...rule(3), description: 'other words' }));
  expect(contractHash(rule(3))).not.toBe(contractHash(rule(4)));
  expect(contractHash(rule(3))).not.toBe(contractHash({ ...rule(3), refuseAbove: 0.3 }));
});
