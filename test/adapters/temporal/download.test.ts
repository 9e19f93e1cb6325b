// A download is what was pinned, or it is nothing.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchVerified } from '../../../adapters/temporal/server.ts';
import { sha256 } from '../../../core/commit.ts';

const BYTES = Buffer.alloc(300_000, 'archive');
let server: Server;
let folder: string;
let address: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'perennial-download-'));
  server = createServer(({ url }, response) =>
    url === '/archive' ? response.end(BYTES) : response.writeHead(404).end(),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const fetched = (path: string, pinned: string) =>
  fetchVerified(`${address}${path}`, join(folder, 'file'), pinned, () => undefined);

describe('fetchVerified', () => {
  it('takes the pinned bytes', async () => {
    await fetched('/archive', sha256(BYTES));
    expect(readFileSync(join(folder, 'file'))).toEqual(BYTES);
  });

  it('refuses other bytes, naming both hashes, and what is not there', async () => {
    await expect(fetched('/archive', 'a'.repeat(64))).rejects.toThrow(
      `has the sha256 ${sha256(BYTES)}, not the pinned aaaa`,
    );
    await expect(fetched('/nothing', sha256(BYTES))).rejects.toThrow('HTTP 404 from 127.0.0.1');
  });
});
