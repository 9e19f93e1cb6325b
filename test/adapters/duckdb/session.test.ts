// Wherever the machine stands, a session reckons in UTC: the first of an instance, one beside it, and the one that comes after.
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const SESSION = fileURLToPath(new URL('../../../adapters/duckdb/session.ts', import.meta.url));
const PROGRAM = `
  import { DuckDb } from ${JSON.stringify(SESSION)};
  const db = await DuckDb.open({ threads: 1, memoryLimit: '256MB', tempDirectory: ${JSON.stringify(join(tmpdir(), 'perennial-zone'))} });
  const beside = await db.beside();
  const moment = "select epoch(timestamptz '2020-01-01 00:00:00')::bigint as at";
  const told = [await db.rows(moment), await beside.rows(moment), await (await beside.anew()).rows(moment)];
  console.log(JSON.stringify(told.flat().map(({ at }) => at)));
`;

it('is in UTC on a machine that is not', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', PROGRAM],
    { env: { ...process.env, TZ: 'America/New_York' } },
  );
  expect(JSON.parse(stdout)).toEqual(Array(3).fill(String(Date.UTC(2020, 0, 1) / 1_000)));
});
