// The workflow code as one file, built once per state of the sources and kept: a restarted worker is back in a second, not in four.
import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { bundleWorkflowCode, DefaultLogger, type LogEntry } from '@temporalio/worker';
import { PerennialError } from '../core/errors.ts';

export interface Bundle {
  readonly codePath: string;
  readonly bytes: number;
}

/** Builds or finds the bundle. A warning of the bundler (a forbidden module, say) is an error: it would surface at run time only. */
export const workflowBundle = async (root: string, cache: string): Promise<Bundle> => {
  const codePath = path.join(cache, `workflows-${await sourcesHash(root)}.js`);
  const kept = await access(codePath).then(
    () => true,
    () => false,
  );
  if (!kept) await build(root, codePath);
  return { codePath, bytes: (await readFile(codePath)).byteLength };
};

const build = async (root: string, codePath: string): Promise<void> => {
  const complaints: LogEntry[] = [];
  const logger = new DefaultLogger('WARN', (entry) => complaints.push(entry));
  const { code } = await bundleWorkflowCode({
    workflowsPath: path.join(root, 'workflows', 'index.ts'),
    workflowInterceptorModules: [path.join(root, 'workflows', 'trace-headers.ts')],
    logger,
  });
  if (complaints.length > 0) {
    throw new PerennialError(
      'CONTRACT_BROKEN',
      `the workflows cannot be bundled: ${complaints.map(({ message }) => message).join('; ')}`,
      { field: 'workflows' },
    );
  }
  await mkdir(path.dirname(codePath), { recursive: true });
  const draft = `${codePath}.${randomUUID().slice(0, 8)}`;
  await writeFile(draft, code);
  await rename(draft, codePath);
};

/** Everything that may end up in the bundle, and the bundler's own version. */
const sourcesHash = async (root: string): Promise<string> => {
  const hash = createHash('sha256').update(createRequire(import.meta.url)('@temporalio/worker/package.json').version);
  for (const room of ['core', 'workflows']) {
    const entries = await readdir(path.join(root, room), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
    for (const file of files.sort()) hash.update(path.relative(root, file)).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 16);
};
