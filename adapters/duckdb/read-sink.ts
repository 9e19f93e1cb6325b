// Where the exact reader puts its records: two CSV files of its own making, which DuckDB reads without doubt, or none (only counting).
import { type FileHandle, open } from 'node:fs/promises';

export interface Reject {
  readonly line: number;
  readonly column: string | null;
  readonly value: Buffer | null;
  readonly reason: string;
}

export interface Sunk {
  readonly accepted: number;
  readonly rejected: number;
  readonly longest: number;
}

/** Characters of an offending value that are kept. */
const QUOTED_CHARACTERS = 200;
const LINE_FEED = 0x0a;
const QUOTE = Buffer.from('"');
const NEEDS_QUOTES = [0x0a, 0x0d, 0x22];

export class RowSink {
  private readonly good: Sheet;
  private readonly bad: Sheet;
  private readonly delimiter: number;
  private longest = 0;
  private startedAt = 0;

  private constructor(good: Sheet, bad: Sheet, delimiter: number) {
    this.good = good;
    this.bad = bad;
    this.delimiter = delimiter;
  }

  static async open(to: { accepted?: string; rejected?: string }, delimiter: number): Promise<RowSink> {
    return new RowSink(await Sheet.open(to.accepted), await Sheet.open(to.rejected), delimiter);
  }

  /** A line that is clean as it stands. */
  acceptLine(line: number, text: Buffer): void {
    this.begin(line);
    this.good.byte(this.delimiter);
    this.good.bytes(text);
    this.end();
  }

  acceptFields(line: number, fields: readonly Buffer[]): void {
    this.begin(line);
    for (const field of fields) {
      this.good.byte(this.delimiter);
      this.good.bytes(this.cell(field));
    }
    this.end();
  }

  private begin(line: number): void {
    this.startedAt = this.good.length;
    this.good.text(String(line));
  }

  private end(): void {
    this.good.byte(LINE_FEED);
    this.good.rows += 1;
    this.longest = Math.max(this.longest, this.good.length - this.startedAt);
  }

  reject({ line, column, value, reason }: Reject): void {
    // Four bytes a character at most; bytes that are no text become the replacement character.
    const text = value?.subarray(0, QUOTED_CHARACTERS * 4).toString('utf8') ?? '';
    const short = [...text].slice(0, QUOTED_CHARACTERS).join('');
    const cells = [String(line), column ?? '', short, reason].map((cell) => `"${cell.replaceAll('"', '""')}"`);
    this.bad.text(`${cells.join(',')}\n`);
    this.bad.rows += 1;
  }

  async flush(): Promise<void> {
    await this.good.flush();
    await this.bad.flush();
  }

  async finish(): Promise<Sunk> {
    await this.flush();
    return { accepted: this.good.rows, rejected: this.bad.rows, longest: this.longest };
  }

  async close(): Promise<void> {
    await this.good.close();
    await this.bad.close();
  }

  private cell(field: Buffer): Buffer {
    const plain = !field.includes(this.delimiter) && !NEEDS_QUOTES.some((byte) => field.includes(byte));
    if (plain) return field;
    return Buffer.concat([QUOTE, Buffer.from(field.toString('latin1').replaceAll('"', '""'), 'latin1'), QUOTE]);
  }
}

/** Rows on their way to one file; without a file they are only counted. */
class Sheet {
  rows = 0;
  length = 0;
  private readonly file: FileHandle | undefined;
  private buffer = Buffer.allocUnsafe(1 << 20);

  private constructor(file: FileHandle | undefined) {
    this.file = file;
  }

  static async open(path: string | undefined): Promise<Sheet> {
    return new Sheet(path === undefined ? undefined : await open(path, 'w'));
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  bytes(value: Buffer): void {
    this.reserve(value.length);
    this.length += value.copy(this.buffer, this.length);
  }

  text(value: string): void {
    this.reserve(value.length * 3);
    this.length += this.buffer.write(value, this.length);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const wider = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + more));
    this.buffer.copy(wider, 0, 0, this.length);
    this.buffer = wider;
  }

  async flush(): Promise<void> {
    const bytes = this.buffer.subarray(0, this.length);
    this.length = 0;
    await this.file?.appendFile(bytes);
  }

  async close(): Promise<void> {
    await this.file?.close();
  }
}
