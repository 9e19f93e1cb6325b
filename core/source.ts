// What a source promises: the rows of a file that arrives from outside, as a zod contract with tagged columns.
// A contract is never run row by row over millions of rows: `core/contract.ts` reads it once and adapters compile it to SQL checks.
import type { z } from 'zod';

/** How sensitive a column is; environments apply a policy per tag between bronze and silver. */
export type ColumnTag = 'identifier' | 'location' | 'quasi';

/** What `.meta()` on a contract's column may say. */
export interface ColumnMeta {
  /** Smallest exact SQL type of the column in bronze, e.g. `INTEGER`, `DECIMAL(12,2)`, `TIMESTAMP`, `VARCHAR`. */
  readonly sql: string;
  readonly tag?: ColumnTag;
  /** strptime formats tried in order, for timestamps. */
  readonly formats?: readonly string[];
  /** Values that mean null besides the empty field. */
  readonly nullValues?: readonly string[];
}

export interface Source {
  /** Name people type: `clickstream`. */
  readonly name: string;
  readonly description: string;
  /** Bronze table the accepted rows land in, e.g. `bronze.clickstream`. */
  readonly table: `bronze.${string}`;
  /** One zod object per row; each column's `.meta()` is a `ColumnMeta`. */
  readonly contract: z.ZodObject;
  /** Columns that name an entity, by its join key, where they are called otherwise. */
  readonly keys?: Readonly<Record<string, string>>;
  /** Column whose date says which day a row touches. */
  readonly eventTime: string;
  /** Share of bad rows in [0, 1] above which a file is refused whole. */
  readonly refuseAbove: number;
}
