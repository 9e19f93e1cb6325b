// The exact reader for files that DuckDB's fast reading cannot be trusted with: every record is either rewritten, with its line number,
// as a clean CSV record that DuckDB reads without doubt, or rejected with line, column, value and reason. Nothing is lost between.
import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import { CR, type Dialect, LF, type Parsed, parseRecord, QUOTE } from './read-record.ts';
import { type Reject, RowSink } from './read-sink.ts';

export interface RecordsIn {
  readonly path: string;
  readonly dialect: Dialect;
  /** The header's names: a record must have as many fields. */
  readonly names: readonly string[];
  readonly bodyAt: number;
  readonly bodyLine: number;
  /** True where some bytes of the file are known not to be UTF-8. */
  readonly checkUtf8: boolean;
}

export interface RecordsOut {
  /** Where accepted and rejected records go; neither: they are only counted. */
  readonly accepted?: string;
  readonly rejected?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface Rewritten {
  readonly accepted: number;
  readonly rejected: number;
  /** Bytes of the longest record written. */
  readonly longest: number;
}

/** A field above this many bytes is refused rather than stored. */
export const FIELD_LIMIT = 1 << 20;
/** No record is looked at beyond this many bytes: what comes after an unterminated quote must not fill the memory. */
const RECORD_LIMIT = 4 << 20;
const CHUNK = 1 << 20;

export const rewriteRecords = async (from: RecordsIn, to: RecordsOut): Promise<Rewritten> => {
  const file = await open(from.path);
  const sink = await RowSink.open(to, from.dialect.delimiter);
  try {
    await new Rewriter(from, sink).run(file, to.signal);
    return await sink.finish();
  } finally {
    await sink.close();
    await file.close();
  }
};

/** What becomes of the bytes at one place: the next place, or a wish for more bytes. */
type Step = number | 'more';
type Broken = Extract<Parsed, { kind: 'broken' }>;

class Rewriter {
  private readonly from: RecordsIn;
  private readonly sink: RowSink;
  private bytes: Buffer = Buffer.alloc(0);
  private line: number;
  private last = false;
  /** Inside a line that was rejected for its length already. */
  private skipping = false;

  constructor(from: RecordsIn, sink: RowSink) {
    this.from = from;
    this.sink = sink;
    this.line = from.bodyLine;
  }

  async run(file: FileHandle, signal?: AbortSignal): Promise<void> {
    let position = this.from.bodyAt;
    while (!this.last) {
      signal?.throwIfAborted();
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, position);
      position += bytesRead;
      this.last = bytesRead === 0;
      this.bytes = Buffer.concat([this.bytes, buffer.subarray(0, bytesRead)]);
      this.consume();
      await this.sink.flush();
    }
  }

  private consume(): void {
    let at = this.skipping ? this.skip() : 0;
    while (at < this.bytes.length) {
      const step = this.plainLine(at) ?? this.record(at);
      if (step !== 'more') at = step;
      else if (this.bytes.length - at < RECORD_LIMIT) break;
      else at = this.overlong(at);
    }
    this.bytes = this.bytes.subarray(at);
  }

  /** The usual case, fast: a line without quotes. Undefined where the line needs the full grammar. */
  private plainLine(at: number): Step | undefined {
    const { delimiter, newline } = this.from.dialect;
    const { bytes } = this;
    const found = bytes.indexOf(newline, at);
    if (found === -1 && !this.last) return 'more';
    const next = found === -1 ? bytes.length : found + 1;
    let end = found === -1 ? bytes.length : found;
    if (newline === LF && end > at && bytes[end - 1] === CR) end -= 1;
    if (end === at) return this.blank(next);
    if (end - at > FIELD_LIMIT) return undefined;
    let fields = 1;
    for (let i = at; i < end; i++) {
      const byte = bytes[i];
      if (byte === delimiter) fields += 1;
      else if (byte === QUOTE || byte === CR || byte === LF) return undefined;
    }
    // One delimiter too many at the end of every line is common enough to be fast, too.
    const trailing = fields === this.from.names.length + 1 && bytes[end - 1] === delimiter;
    if (fields !== this.from.names.length && !trailing) return undefined;
    const text = bytes.subarray(at, trailing ? end - 1 : end);
    if (this.from.checkUtf8 && !isUtf8(text)) return undefined;
    this.sink.acceptLine(this.line, text);
    this.line += 1;
    return next;
  }

  /** A blank line is no row. */
  private blank(next: number): number {
    this.line += 1;
    return next;
  }

  private record(at: number): Step {
    const parsed = parseRecord(this.bytes, at, this.from.dialect, this.last);
    if (parsed.kind === 'more') return 'more';
    if (parsed.kind === 'broken') return this.broken(at, parsed);
    const { fields, next } = parsed;
    const reject = this.fault(fields, at);
    if (reject) this.sink.reject({ line: this.line, ...reject });
    else this.sink.acceptFields(this.line, fields.slice(0, this.from.names.length));
    this.line += this.linesIn(at, next);
    return next;
  }

  private fault(fields: readonly Buffer[], at: number): Omit<Reject, 'line'> | undefined {
    const { names, checkUtf8 } = this.from;
    const long = fields.findIndex((field) => field.length > FIELD_LIMIT);
    // As DuckDB has it: delimiters at the end of a line, with nothing between them, are forgiven.
    const trailing = fields.length > names.length && fields.slice(names.length).every((field) => field.length === 0);
    if (fields.length !== names.length && !trailing) {
      const reason = `${fields.length} columns instead of ${names.length}`;
      return { column: null, value: this.bytes.subarray(at, this.lineEnd(at)), reason };
    }
    if (long !== -1) return { column: names[long] ?? null, value: fields[long] ?? null, reason: 'too long' };
    const foreign = checkUtf8 ? fields.findIndex((field) => !isUtf8(field)) : -1;
    if (foreign === -1) return undefined;
    return { column: names[foreign] ?? null, value: fields[foreign] ?? null, reason: 'invalid UTF-8' };
  }

  /** A quote gone wrong costs its own line and no other: reading goes on at the next line. */
  private broken(at: number, parsed: Broken): Step {
    const end = this.lineEnd(at);
    if (end === this.bytes.length && !this.last) return 'more';
    const { reason, from } = parsed;
    return this.giveUpLine(end, { reason, column: this.from.names[parsed.at] ?? null, from });
  }

  private giveUpLine(end: number, why: { reason: string; column: string | null; from: number }): number {
    const value = this.bytes.subarray(why.from, this.lineEnd(why.from));
    this.sink.reject({ line: this.line, column: why.column, value, reason: why.reason });
    this.line += 1;
    return Math.min(end + 1, this.bytes.length);
  }

  /** A record beyond the limit: a runaway quote gives up its first line; an endless line is skipped to where it ends. */
  private overlong(at: number): number {
    const end = this.lineEnd(at);
    if (end < this.bytes.length) return this.giveUpLine(end, { reason: 'unterminated quote', column: null, from: at });
    this.sink.reject({ line: this.line, column: null, value: this.bytes.subarray(at), reason: 'too long' });
    this.skipping = true;
    return this.bytes.length;
  }

  /** Where the endless line ends, if it does in these bytes. */
  private skip(): number {
    const end = this.lineEnd(0);
    if (end === this.bytes.length) return end;
    this.skipping = false;
    this.line += 1;
    return end + 1;
  }

  private lineEnd(at: number): number {
    const found = this.bytes.indexOf(this.from.dialect.newline, at);
    return found === -1 ? this.bytes.length : found;
  }

  private linesIn(from: number, to: number): number {
    const { newline } = this.from.dialect;
    let count = 0;
    for (let i = this.bytes.indexOf(newline, from); i !== -1 && i < to; i = this.bytes.indexOf(newline, i + 1))
      count += 1;
    return count;
  }
}
