// Reads a CSV file's header: which delimiter, which contract column stands where, what is missing, what is left over.
import type { ContractColumn } from '../../core/contract.ts';
import { CR, type Dialect, LF, parseRecord } from './read-record.ts';

export interface Header {
  readonly names: readonly string[];
  readonly dialect: Dialect;
  /** Byte at which the first record begins, and the physical line it stands on. */
  readonly bodyAt: number;
  readonly bodyLine: number;
}

export interface Fit {
  /** Position in the file by name of the contract's column. */
  readonly positions: ReadonlyMap<string, number>;
  readonly missing: readonly string[];
  /** Optional columns that the file lacks. */
  readonly absent: readonly string[];
  readonly extra: readonly string[];
  readonly twice: readonly string[];
}

export const DELIMITERS = [',', ';', '\t', '|'];
const MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const BOTH_ENDS = /^\s+|\s+$/g;

/**
 * The header in the file's first bytes; undefined where there is none (an empty file, or a first line that never ends). `expected` are
 * sets of column names of which one should fit: the delimiter that finds most of one set wins.
 */
export const readHeader = (
  head: Buffer,
  expected: readonly (readonly string[])[],
  given?: string,
): Header | undefined => {
  const from = head.subarray(0, MARK.length).equals(MARK) ? MARK.length : 0;
  const newline = head.includes(LF) ? LF : CR;
  let best: { header: Header; found: number } | undefined;
  for (const delimiter of given === undefined ? DELIMITERS : [given]) {
    const header = parse(head, from, { delimiter: delimiter.charCodeAt(0), newline });
    const found = Math.max(0, ...expected.map((names) => common(header?.names ?? [], names)));
    if (header && (!best || found > best.found)) best = { header, found };
  }
  return best?.header;
};

const parse = (head: Buffer, from: number, dialect: Dialect): Header | undefined => {
  let [at, line] = [from, 1];
  while (at < head.length) {
    const record = parseRecord(head, at, dialect, true);
    if (record.kind !== 'record') return undefined;
    const taken = countByte(head.subarray(at, record.next), dialect.newline);
    at = record.next;
    line += taken;
    const names = record.fields.map((field) => field.toString('utf8').replace(BOTH_ENDS, ''));
    // Blank lines above the header are no header.
    if (names.length > 1 || names[0] !== '') return { names, dialect, bodyAt: at, bodyLine: line };
  }
  return undefined;
};

const countByte = (bytes: Buffer, byte: number): number => {
  let count = 0;
  for (let at = bytes.indexOf(byte); at !== -1; at = bytes.indexOf(byte, at + 1)) count += 1;
  return count;
};

const lower = (name: string): string => name.toLowerCase();

const common = (names: readonly string[], expected: readonly string[]): number => {
  const there = new Set(names.map(lower));
  return expected.filter((name) => there.has(lower(name))).length;
};

/** Lays a file's column names, in whatever order and case, over a contract's. */
export const fitColumns = (names: readonly string[], columns: readonly ContractColumn[]): Fit => {
  const at = names.map(lower);
  const positionOf = (name: string) => at.indexOf(lower(name));
  const there = columns.filter(({ name }) => positionOf(name) !== -1);
  const gone = columns.filter(({ name }) => positionOf(name) === -1);
  const wanted = new Set(columns.map(({ name }) => lower(name)));
  return {
    positions: new Map(there.map(({ name }) => [name, positionOf(name)])),
    missing: gone.filter(({ required }) => required).map(({ name }) => name),
    absent: gone.filter(({ required }) => !required).map(({ name }) => name),
    extra: names.filter((name) => !wanted.has(lower(name))),
    twice: there.map(({ name }) => name).filter((name) => positionOf(name) !== at.lastIndexOf(lower(name))),
  };
};
