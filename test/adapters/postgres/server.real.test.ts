// The cluster where its user cannot reach the state directory: as root in a private home it stands elsewhere, and goes with it.
import { access, chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { barrierTo, clusterPlace } from '../../../adapters/postgres/owner.ts';
import { withConnection } from '../../../adapters/postgres/pool.ts';
import { clusterDirectory } from '../../../workers/stack/parts.ts';
import { startTestStack } from '../../support/stack.ts';

it('runs from a private directory, whoever starts it, and leaves nothing behind', async () => {
  const secluded = await mkdtemp(join(tmpdir(), 'perennial-private-'));
  await chmod(secluded, 0o700);
  const home = join(secluded, 'home');
  expect(await barrierTo(home)).toBe(secluded);
  const stack = await startTestStack(['postgres'], { PERENNIAL_HOME: home });
  const { directory } = await clusterPlace(clusterDirectory(home));
  try {
    const { rows } = await withConnection(stack.environment.owner, (client) =>
      client.query<{ data_directory: string }>('show data_directory'),
    );
    expect(rows[0]?.data_directory).toBe(directory);
  } finally {
    await stack.stop();
    await rm(secluded, { recursive: true });
  }
  await expect(access(directory)).rejects.toThrow(/ENOENT/);
});
