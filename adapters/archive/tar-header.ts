// Reads the headers of a tar archive: ustar, with the long names and sizes of pax and GNU. For `tar.ts`.

export const BLOCK = 512;
/** Long names and pax records are read into memory; nobody's are longer than this. */
const LONG_RECORD = 1 << 20;

export interface Entry {
  readonly name: string;
  /** Bytes of content. */
  readonly size: number;
  readonly kind: 'file' | 'folder' | 'other';
}

interface Longer {
  readonly path?: string;
  readonly size?: number;
}

export class Headers {
  private readonly take: (size: number) => Promise<Buffer>;

  constructor(take: (size: number) => Promise<Buffer>) {
    this.take = take;
  }

  /** Every header carries the sum of its own bytes. */
  static looksRight(block: Buffer): boolean {
    let sum = 0;
    for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : (block[i] ?? 0);
    return sum === octal(block, 148, 8) && sum > 8 * 32;
  }

  /** The next entry whose content follows, or undefined at the archive's end. */
  async next(): Promise<Entry | undefined> {
    let longer: Longer = {};
    for (;;) {
      const block = await this.take(BLOCK);
      // Two blocks of zeros end an archive; one that simply stops is accepted, as tar does.
      if (block.length === 0 || block.every((byte) => byte === 0)) return undefined;
      if (block.length < BLOCK || !Headers.looksRight(block)) throw new Error('a header is damaged');
      const type = String.fromCharCode(block[156] ?? 0);
      const size = longer.size ?? sizeOf(block);
      if (!['x', 'g', 'L', 'K'].includes(type)) return { name: longer.path ?? nameOf(block), size, kind: kindOf(type) };
      longer = { ...longer, ...(await this.record(type, size)) };
    }
  }

  private async record(type: string, size: number): Promise<Longer> {
    if (size > LONG_RECORD) throw new Error('a name is too long');
    const padded = Math.ceil(size / BLOCK) * BLOCK;
    const content = (await this.take(padded)).subarray(0, size);
    if (type === 'L') return { path: text(content, 0, content.length) };
    return type === 'x' ? pax(content) : {};
  }
}

const kindOf = (type: string): Entry['kind'] => {
  if (type === '0' || type === '\0' || type === '7') return 'file';
  return type === '5' ? 'folder' : 'other';
};

const text = (bytes: Buffer, from: number, length: number): string => {
  const field = bytes.subarray(from, from + length);
  const end = field.indexOf(0);
  return field.subarray(0, end === -1 ? field.length : end).toString('utf8');
};

const octal = (bytes: Buffer, from: number, length: number): number => {
  const digits = text(bytes, from, length).trim();
  return digits === '' ? 0 : Number.parseInt(digits, 8);
};

/** Sizes beyond eight gigabytes are binary, with the top bit set. */
const sizeOf = (block: Buffer): number => {
  const binary = ((block[124] ?? 0) & 0x80) !== 0;
  const size = binary ? Number(block.readBigUInt64BE(128)) : octal(block, 124, 12);
  if (!Number.isSafeInteger(size) || size < 0) throw new Error('a header is damaged');
  return size;
};

const nameOf = (block: Buffer): string => {
  const [name, prefix] = [text(block, 0, 100), text(block, 345, 155)];
  const ustar = text(block, 257, 6).startsWith('ustar');
  return ustar && prefix !== '' ? `${prefix}/${name}` : name;
};

/** Records `length key=value\n`. */
const pax = (content: Buffer): Longer => {
  const found: { path?: string; size?: number } = {};
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(32, at);
    const length = Number(content.subarray(at, space).toString('latin1'));
    if (space === -1 || !Number.isSafeInteger(length) || length <= 0) throw new Error('a header is damaged');
    const [key = '', ...value] = content
      .subarray(space + 1, at + length - 1)
      .toString('utf8')
      .split('=');
    if (key === 'path') found.path = value.join('=');
    if (key === 'size') found.size = Number(value.join('='));
    at += length;
  }
  return found;
};
