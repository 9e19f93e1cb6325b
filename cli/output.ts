// How the command line speaks: sentences and tables for people, JSON for scripts, errors that say what to do.
import { ApplicationFailure } from '@temporalio/common';
import pc from 'picocolors';
import { isErrorCode, PerennialError } from '../core/errors.ts';

/** Prints what went wrong and returns the exit code: 2 for bad usage, 1 for everything else. */
export const failed = (error: unknown): number => {
  const root = answered(rootOf(error));
  const code = codeOf(root);
  console.error(`${pc.red('✘')} ${root.message}${code === undefined ? '' : ` ${pc.dim(`[${code}]`)}`}`);
  const usage = code === 'INVALID_INPUT' || code === 'UNKNOWN_NAME';
  return usage ? 2 : 1;
};

/** Ours, raised here or in an activity. */
const codeOf = (error: Error): string | undefined => {
  if (error instanceof PerennialError) return error.code;
  return error instanceof ApplicationFailure && isErrorCode(error.type) ? error.type : undefined;
};

/** A server that refuses connections is named, with the way to start it. */
const answered = (error: Error): Error => {
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code !== 'ECONNREFUSED') return error;
  return new PerennialError('UNAVAILABLE', 'A server does not answer', {
    field: 'address',
    value: `${address}:${port}`,
    mend: 'Start the stack with `npx perennial up`',
    cause: error,
  });
};

/** Ours if there is one, else the innermost cause: Temporal wraps a failure once per workflow and activity it passed through. */
const rootOf = (error: unknown): Error => {
  if (!(error instanceof Error)) return new Error(String(error));
  return error.cause instanceof Error && codeOf(error) === undefined ? rootOf(error.cause) : error;
};

export const json = (value: unknown): void => console.log(JSON.stringify(value, null, 2));

/** Rows as an aligned table, numbers to the right; at most `limit` of them. */
export const table = (rows: readonly Readonly<Record<string, unknown>>[], limit = 50): string => {
  const [first] = rows;
  if (!first) return pc.dim('(no rows)');
  const columns = Object.keys(first);
  const cells = rows.slice(0, limit).map((row) => columns.map((column) => cell(row[column])));
  const widths = columns.map((column, i) => Math.max(column.length, ...cells.map((line) => line[i]?.length ?? 0)));
  const right = columns.map((column) => rows.every((row) => row[column] === null || isNumeric(row[column])));
  const line = (values: readonly string[]) =>
    values.map((value, i) => (right[i] ? value.padStart(widths[i] ?? 0) : value.padEnd(widths[i] ?? 0))).join('  ');
  const more = rows.length > limit ? [pc.dim(`… ${rows.length - limit} more`)] : [];
  return [pc.bold(line(columns)), ...cells.map(line), ...more].join('\n');
};

const MAX_CELL = 60;
const cell = (value: unknown): string => {
  const text =
    value === null || value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL - 1)}…` : text;
};
const isNumeric = (value: unknown): boolean =>
  typeof value === 'number' || (typeof value === 'string' && value !== '' && Number.isFinite(Number(value)));

/** 1234567 → `1,234,567`. */
export const count = (value: number): string => value.toLocaleString('en-US');

export const seconds = (milliseconds: number): string =>
  milliseconds < 60_000
    ? `${(milliseconds / 1000).toFixed(1)} s`
    : `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1000)} s`;
