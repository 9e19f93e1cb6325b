// One pass over a text file that tells whether DuckDB's fast CSV reading can be trusted with it: its lines, line ends and encoding.
import { isAscii, isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { z } from 'zod';
import { DELIMITERS } from './read-header.ts';

export const TextProfile = z.strictObject({
  /** Physical lines ended by a line feed, or by the end of the file. */
  lines: z.int(),
  /** Bytes of the longest of them. */
  longest: z.int(),
  /** Carriage returns that no line feed follows. */
  loneReturns: z.int(),
  /** False where the file ends its lines by carriage returns alone. */
  lineFeeds: z.boolean(),
  encoding: z.enum(['utf-8', 'latin-1', 'broken utf-8']),
  /** True where spaces stand between a quote and its delimiter, or another quote: DuckDB has ways of its own there. */
  spacedQuotes: z.boolean(),
});
export type TextProfile = Readonly<z.infer<typeof TextProfile>>;

const LF = 10;
const CR = 13;
const QUOTE = 34;
const SPACE = 32;
const QUOTE_SPACE = Buffer.from('" ');
const SPACE_QUOTE = Buffer.from(' "');
const CHUNK = 1 << 20;

export const profileText = async (path: string, delimiter: number, signal?: AbortSignal): Promise<TextProfile> => {
  const profiler = new Profiler([delimiter]);
  const stream = createReadStream(path, { highWaterMark: CHUNK, ...(signal ? { signal } : {}) });
  for await (const chunk of stream as AsyncIterable<Buffer>) profiler.add(chunk);
  return profiler.end();
};

/** Takes a profile from whoever reads the bytes; `delimiters`: those that the header may turn out to have. */
export class Profiler {
  private readonly lines = new Lines();
  private readonly encoding = new Encoding();
  private readonly quotes: Quotes;

  constructor(delimiters: readonly number[] = DELIMITERS.map((delimiter) => delimiter.charCodeAt(0))) {
    this.quotes = new Quotes(delimiters);
  }

  /** The chunk may be written over afterwards. */
  add(chunk: Buffer): void {
    this.lines.add(chunk);
    this.encoding.add(chunk);
    this.quotes.add(chunk);
  }

  end(): TextProfile {
    return { ...this.lines.end(), encoding: this.encoding.end(), spacedQuotes: this.quotes.spaced };
  }
}

/** Counts line ends across chunks. */
class Lines {
  private feeds = 0;
  private longest = 0;
  /** Bytes since the last line feed. */
  private open = 0;
  private loneReturns = 0;
  private returnPending = false;

  add(chunk: Buffer): void {
    this.countReturns(chunk);
    let start = 0;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, start)) {
      this.longest = Math.max(this.longest, this.open + at - start);
      this.open = 0;
      this.feeds += 1;
      start = at + 1;
    }
    this.open += chunk.length - start;
  }

  private countReturns(chunk: Buffer): void {
    if (this.returnPending && chunk[0] !== LF) this.loneReturns += 1;
    this.returnPending = false;
    for (let at = chunk.indexOf(CR); at !== -1; at = chunk.indexOf(CR, at + 1)) {
      if (at === chunk.length - 1) this.returnPending = true;
      else if (chunk[at + 1] !== LF) this.loneReturns += 1;
    }
  }

  end(): Omit<TextProfile, 'encoding' | 'spacedQuotes'> {
    return {
      lines: this.feeds + (this.open > 0 ? 1 : 0),
      longest: Math.max(this.longest, this.open),
      loneReturns: this.loneReturns + (this.returnPending ? 1 : 0),
      lineFeeds: this.feeds > 0,
    };
  }
}

/** Looks for spaces between a quote and the end or beginning of its field. Where a chunk hides what is beside them, it says yes. */
class Quotes {
  spaced = false;
  private readonly fieldEnds: ReadonlySet<number | undefined>;
  private before = 0;

  constructor(delimiters: readonly number[]) {
    this.fieldEnds = new Set([...delimiters, LF, undefined]);
  }

  add(chunk: Buffer): void {
    if (this.spaced) return;
    if (this.before === SPACE && chunk[0] === QUOTE) this.spaced = true;
    if (this.before === QUOTE && chunk[0] === SPACE) this.spaced = true;
    this.before = chunk.at(-1) ?? this.before;
    this.spaced ||= this.opening(chunk) || this.closing(chunk);
  }

  private opening(chunk: Buffer): boolean {
    for (let at = chunk.indexOf(SPACE_QUOTE); at !== -1; at = chunk.indexOf(SPACE_QUOTE, at + 1)) {
      let start = at;
      while (chunk[start] === SPACE) start -= 1;
      if (this.fieldEnds.has(chunk[start])) return true;
    }
    return false;
  }

  private closing(chunk: Buffer): boolean {
    for (let at = chunk.indexOf(QUOTE_SPACE); at !== -1; at = chunk.indexOf(QUOTE_SPACE, at + 1)) {
      let end = at + 1;
      while (chunk[end] === SPACE) end += 1;
      if (end === chunk.length || chunk[end] === QUOTE) return true;
    }
    return false;
  }
}

/** Tells UTF-8, Latin-1 and damaged UTF-8 apart. */
class Encoding {
  private tail: Buffer = Buffer.alloc(0);
  private multibyte = false;
  private invalid = false;
  /** Bytes 0x80–0x9F outside of UTF-8: control characters in Latin-1, so no text. */
  private controls = false;

  add(chunk: Buffer): void {
    if (this.tail.length === 0 && isAscii(chunk)) return;
    const bytes = this.tail.length === 0 ? chunk : Buffer.concat([this.tail, chunk]);
    const whole = bytes.length - cutSequence(bytes);
    this.tail = Buffer.from(bytes.subarray(whole));
    this.judge(bytes.subarray(0, whole));
  }

  private judge(bytes: Buffer): void {
    if (isAscii(bytes)) return;
    if (isUtf8(bytes)) this.multibyte = true;
    else this.scan(bytes);
  }

  private scan(bytes: Buffer): void {
    this.invalid = true;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (byte < 0x80) continue;
      const length = sequenceLength(byte);
      if (length > 1 && isUtf8(bytes.subarray(at, at + length)) && at + length <= bytes.length) {
        this.multibyte = true;
        at += length - 1;
      } else if (byte < 0xa0) this.controls = true;
      // Nothing more can be learnt: it is neither clean UTF-8 nor Latin-1.
      if (this.multibyte || this.controls) return;
    }
  }

  end(): TextProfile['encoding'] {
    if (this.tail.length > 0) this.scan(this.tail);
    if (!this.invalid) return 'utf-8';
    return this.multibyte || this.controls ? 'broken utf-8' : 'latin-1';
  }
}

const sequenceLength = (byte: number): number => {
  if (byte >= 0xf0 && byte < 0xf8) return 4;
  if (byte >= 0xe0 && byte < 0xf0) return 3;
  return byte >= 0xc2 && byte < 0xe0 ? 2 : 1;
};

/** Bytes at the end that may be the start of a sequence which the next chunk completes. */
const cutSequence = (bytes: Buffer): number => {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return sequenceLength(byte) > back ? back : 0;
  }
  return 0;
};
