// Numbers as people read them, and sums over rows of results: for findings, tables and tiles.
import type { Row } from '../use-case.ts';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const precise = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** 12,345 */
export const count = (value: number): string => whole.format(value);
/** 1.23M */
export const short = (value: number): string => (Math.abs(value) < 10_000 ? whole : compact).format(value);
/** 0.1234 → `12 %`; below 10 % with one decimal; a share that is neither none nor all never reads as such. */
export const percent = (share: number): string => {
  const value = share * 100;
  const size = Math.abs(value);
  if (size > 0 && size < 0.05) return `less than 0.1 %`;
  if (size >= 99.5 && size < 100) return `${value.toFixed(2)} %`;
  return `${size < 10 && size > 0 ? value.toFixed(1) : value.toFixed(0)} %`;
};
/** A number for a table cell: thousands separated, at most four significant digits after the point matters. */
export const figure = (value: number): string =>
  Number.isInteger(value) || Math.abs(value) >= 10_000 ? whole.format(value) : precise.format(value);

/** `1 order`, `2 orders`. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

/** The column as a number; missing and unreadable count as 0. */
export const numberIn = (row: Row | undefined, column: string): number => {
  const value = Number(row?.[column] ?? 0);
  return Number.isFinite(value) ? value : 0;
};

export const textIn = (row: Row | undefined, column: string): string => String(row?.[column] ?? '');

export const total = (rows: readonly Row[], column: string): number =>
  rows.reduce((sum, row) => sum + numberIn(row, column), 0);

/** `part / whole`, 0 where the whole is 0. */
export const share = (part: number, wholePart: number): number => (wholePart === 0 ? 0 : part / wholePart);

/** The row with the largest value; ties go to the earlier. */
export const largest = (rows: readonly Row[], column: string): Row | undefined =>
  rows.reduce<Row | undefined>(
    (best, row) => (best === undefined || numberIn(row, column) > numberIn(best, column) ? row : best),
    undefined,
  );
