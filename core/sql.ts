// The few words of SQL that every adapter and activity shares: a session's verbs, and quoting.

export type JsonRow = Record<string, string | number | boolean | null>;

/** What a table is computed with; DuckDB is the one engine that does it today. */
export interface SqlSession {
  run(sql: string): Promise<void>;
  /** Rows as JSON-safe values: 64-bit integers, decimals and times become strings. */
  rows(sql: string): Promise<JsonRow[]>;
  /** The first column of the first row as a number. */
  number(sql: string): Promise<number>;
}

/** A SQL string literal. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
/** A quoted SQL identifier. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
/** `layer.name`, both parts quoted. */
export const qualified = (table: string): string => table.split('.').map(identifier).join('.');
