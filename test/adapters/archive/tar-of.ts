// Makes small tar archives, honest and otherwise.

export interface Odd {
  readonly type?: string;
  readonly size?: number;
}

export const entryOf = (name: string, content: Buffer | string, odd: Odd = {}): Buffer => {
  const body = Buffer.from(content);
  const head = Buffer.alloc(512);
  head.write(name.slice(0, 100), 0);
  head.write('0000644\0', 100);
  head.write(`${(odd.size ?? body.length).toString(8).padStart(11, '0')}\0`, 124);
  head.write(odd.type ?? '0', 156);
  head.write('ustar\0' + '00', 257);
  head.fill(' ', 148, 156);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([head, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
};

export const tarOf = (files: Record<string, Buffer | string>): Buffer =>
  Buffer.concat([...Object.entries(files).map(([name, content]) => entryOf(name, content)), Buffer.alloc(1024)]);
