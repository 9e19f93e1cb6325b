// Parses one CSV record out of a buffer, exactly as RFC 4180 has it, with what DuckDB forgives too. For the exact reader and the header.

export interface Dialect {
  /** Byte between fields. */
  readonly delimiter: number;
  /** Byte that ends a line: a line feed, or a carriage return where a file has no line feed at all. */
  readonly newline: number;
}

export type Parsed =
  | { readonly kind: 'record'; readonly next: number; readonly fields: readonly Buffer[] }
  /** The buffer ends before the record does. */
  | { readonly kind: 'more' }
  /** Field number `at` cannot be told from what follows. */
  | { readonly kind: 'broken'; readonly reason: string; readonly at: number; readonly from: number };

export const LF = 10;
export const CR = 13;
export const QUOTE = 34;
const SPACE = 32;

interface End {
  /** First byte after the field. */
  readonly end: number;
  readonly field: Buffer;
}

/** The record that begins at `from`. `last`: the file ends where the buffer ends. */
export const parseRecord = (bytes: Buffer, from: number, dialect: Dialect, last: boolean): Parsed => {
  const fields: Buffer[] = [];
  let at = from;
  for (;;) {
    const start = skipSpaces(bytes, at);
    if (start === bytes.length && !last) return { kind: 'more' };
    const field = bytes[start] === QUOTE ? quoted(bytes, start, last) : unquoted(bytes, at, dialect);
    if (field === 'more') return { kind: 'more' };
    if (field === 'unterminated') return { kind: 'broken', reason: 'unterminated quote', at: fields.length, from: at };
    fields.push(field.field);
    const after = bytes[start] === QUOTE ? skipSpaces(bytes, field.end) : field.end;
    const stop = lineEnd(bytes, after, dialect, last);
    if (stop === 'more') return { kind: 'more' };
    if (stop !== undefined) return { kind: 'record', next: stop, fields };
    if (bytes[after] !== dialect.delimiter)
      return { kind: 'broken', reason: 'text after a closing quote', at: fields.length - 1, from: at };
    at = after + 1;
  }
};

const skipSpaces = (bytes: Buffer, from: number): number => {
  let at = from;
  while (bytes[at] === SPACE) at += 1;
  return at;
};

const quoted = (bytes: Buffer, start: number, last: boolean): End | 'more' | 'unterminated' => {
  let escapes = 0;
  for (let at = bytes.indexOf(QUOTE, start + 1); at !== -1; at = bytes.indexOf(QUOTE, at + 2)) {
    if (at + 1 === bytes.length && !last) return 'more';
    if (bytes[at + 1] !== QUOTE) return { end: at + 1, field: unescaped(bytes.subarray(start + 1, at), escapes) };
    escapes += 1;
  }
  return last ? 'unterminated' : 'more';
};

const unescaped = (raw: Buffer, escapes: number): Buffer => {
  if (escapes === 0) return raw;
  const out = Buffer.allocUnsafe(raw.length - escapes);
  let to = 0;
  for (let at = 0; at < raw.length; at++) {
    if (raw[at] === QUOTE) at += 1;
    out[to++] = raw[at] ?? QUOTE;
  }
  return out;
};

/** A quote inside an unquoted field is text. */
const unquoted = (bytes: Buffer, start: number, { delimiter, newline }: Dialect): End => {
  let end = start;
  while (end < bytes.length && bytes[end] !== delimiter && bytes[end] !== newline) end += 1;
  const ends = end === bytes.length || bytes[end] === newline;
  const text = ends && newline === LF && end > start && bytes[end - 1] === CR ? end - 1 : end;
  return { end: text, field: bytes.subarray(start, text) };
};

/** Where the next record begins, if this one ends at `at`. */
const lineEnd = (bytes: Buffer, at: number, { newline }: Dialect, last: boolean): number | 'more' | undefined => {
  if (at >= bytes.length) return last ? bytes.length : 'more';
  if (bytes[at] === newline) return at + 1;
  if (bytes[at] !== CR || newline !== LF) return undefined;
  if (at + 1 === bytes.length) return last ? bytes.length : 'more';
  return bytes[at + 1] === LF ? at + 2 : undefined;
};
