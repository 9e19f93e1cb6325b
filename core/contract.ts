// Reads a source's zod contract once into plain columns, for whoever compiles them to SQL: the reader, the plan, the privacy policy.
// What the columns cannot express (a refinement, a transform, an unknown keyword) is refused here, never ignored.
import { z } from 'zod';
import { contentKey } from './commit.ts';
import { type ColumnShape, columnShape } from './contract/column-shape.ts';
import { inputsOnly } from './contract/inputs-only.ts';
import { PerennialError } from './errors.ts';
import type { Source } from './source.ts';

export interface ContractColumn extends ColumnShape {
  /** Name as the contract writes it; a file's header may differ in case. */
  readonly name: string;
  /** False where a file may lack the column altogether; its values are null then. */
  readonly required: boolean;
}

/** Columns that ingestion adds to every bronze table. */
const ADDED = ['file_id', 'line', 'known_at'];
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Bronze tables that belong to ingestion itself. */
const OWN_TABLES = ['bronze.files', 'bronze.quarantine'];

/** The contract's columns in its own order; throws `CONTRACT_BROKEN`, naming source and column, where it is unknown or contradictory. */
export const columnsOf = (source: Source): readonly ContractColumn[] => {
  const schema = jsonSchemaOf(source);
  const required = new Set(schema.required ?? []);
  const columns = Object.entries(schema.properties).map(([name, node]) =>
    inColumn(source, name, () => {
      const field = source.contract.shape[name];
      if (field === undefined) throw new Error('it has no schema');
      inputsOnly(field);
      return { name, required: required.has(name), ...columnShape(node) };
    }),
  );
  checkSource(source, columns);
  return columns;
};

/** Hash of all that decides which rows of a file are accepted, and as what. */
export const contractHash = (source: Source): string =>
  contentKey({
    name: source.name,
    table: source.table,
    eventTime: source.eventTime,
    refuseAbove: source.refuseAbove,
    columns: columnsOf(source),
  });

const ObjectSchema = z.looseObject({
  properties: z.record(z.string(), z.unknown()),
  required: z.array(z.string()).optional(),
});

const jsonSchemaOf = (source: Source) =>
  ObjectSchema.parse(z.toJSONSchema(source.contract, { unrepresentable: 'any', io: 'input' }));

const inColumn = <T>(source: Source, name: string, read: () => T): T => {
  try {
    return read();
  } catch (cause) {
    const what = cause instanceof z.ZodError ? z.prettifyError(cause) : cause instanceof Error ? cause.message : cause;
    throw broken(source, `column ${name}: ${what}`, name, cause);
  }
};

const checkSource = (source: Source, columns: readonly ContractColumn[]): void => {
  const names = columns.map(({ name }) => name.toLowerCase());
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  const odd = columns.find(({ name }) => !PLAIN_NAME.test(name));
  const added = columns.find(({ name }) => ADDED.includes(name.toLowerCase()));
  const time = columns.find(({ name }) => name === source.eventTime);
  if (columns.length === 0) throw broken(source, 'it has no columns');
  if (odd) throw broken(source, `column ${odd.name}: names are letters, digits and _`, odd.name);
  if (twice !== undefined) throw broken(source, `column ${twice} stands there twice, whatever the case`, twice);
  if (added) throw broken(source, `column ${added.name} is added by ingestion itself`, added.name);
  if (!time) throw broken(source, 'eventTime names no column', source.eventTime);
  if (!['DATE', 'TIMESTAMP'].includes(time.sql))
    throw broken(source, 'eventTime is not a DATE or TIMESTAMP', time.name);
  if (time.nullable || !time.required) throw broken(source, 'eventTime may be missing', time.name);
  if (!(source.refuseAbove >= 0 && source.refuseAbove <= 1))
    throw broken(source, 'refuseAbove is not a share in [0, 1]');
  if (OWN_TABLES.includes(source.table)) throw broken(source, `${source.table} belongs to ingestion itself`);
};

const broken = (source: Source, what: string, field?: string, cause?: unknown): PerennialError =>
  new PerennialError('CONTRACT_BROKEN', `source ${source.name}: ${what}`, {
    ...(field === undefined ? {} : { field }),
    mend: 'Mend the contract',
    cause,
  });
