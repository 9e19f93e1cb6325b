// Whose process the Postgres server is: it refuses to run as root, so root hands it to another user. For server.ts.
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { PerennialError } from '../../core/errors.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Where the cluster stands and whose it is. As root it belongs to the `postgres` user or else `nobody`, and where that user
 * could not enter `preferred` (a clone in root's home, say) it stands under /var/lib, named after `preferred`.
 * @throws PerennialError MISSING_PART where there is no user to run it as.
 */
export const clusterPlace = async (preferred: string): Promise<{ directory: string; owner?: Owner }> => {
  if (userInfo().uid !== 0) return { directory: preferred };
  const owner = await namedOwner(['postgres', 'nobody']);
  if (owner === undefined) {
    throw new PerennialError(
      'MISSING_PART',
      'Postgres refuses to run as root and there is no other user to run it as',
      {
        mend: 'Add a user named postgres (`useradd --system postgres`), run as another user, or set DATABASE_URL.',
      },
    );
  }
  if ((await barrierTo(dirname(preferred))) === undefined) return { directory: preferred, owner };
  const name = createHash('sha256').update(preferred).digest('hex').slice(0, 12);
  return { directory: join('/var/lib', `perennial-cluster-${name}`, 'data'), owner };
};

/** The first directory on the way to `path` that other users may not enter. Missing ones will be made and are passable. */
export const barrierTo = async (path: string): Promise<string | undefined> => {
  if (!isAbsolute(path)) return undefined;
  const above = dirname(path) === path ? undefined : await barrierTo(dirname(path));
  if (above !== undefined) return above;
  const mode = await stat(path).then(
    (found) => found.mode,
    () => 0o755,
  );
  return (mode & 0o001) === 0 ? path : undefined;
};

const namedOwner = async (names: readonly string[]): Promise<Owner | undefined> => {
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of names) {
    const [, , uid, gid] = users.find(([user]) => user === name) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
};
