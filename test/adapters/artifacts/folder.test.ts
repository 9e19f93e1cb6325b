// The artifact folder: what is put is durable, private, and comes back only if it is still the same bytes.
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderArtifacts } from '../../../adapters/artifacts/folder.ts';
import { loadPackage, storePackage } from '../../../adapters/artifacts/model-package.ts';
import { buildPackage } from '../../../core/model-package.ts';
import { sampleParts } from '../../core/sample-evaluation.ts';

const HELLO = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
const bytes = (text: string) => new TextEncoder().encode(text);

let root: string;
let store: FolderArtifacts;
beforeEach(async () => {
  root = join(await mkdtemp(join(tmpdir(), 'artifacts-')), 'store');
  store = new FolderArtifacts(root);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const pathOf = (sha256: string) => join(root, 'sha256', sha256.slice(0, 2), sha256);

describe('FolderArtifacts', () => {
  it('keeps bytes by their hash, for this user alone', async () => {
    const ref = await store.put(bytes('hello'));
    expect(ref).toEqual({ uri: `artifact:${HELLO}`, sha256: HELLO, bytes: 5 });
    expect((await store.get(HELLO)).toString()).toBe('hello');
    expect((await stat(pathOf(HELLO))).mode & 0o777).toBe(0o600);
    for (const folder of [root, join(root, 'sha256'), join(root, 'sha256/2c'), join(root, 'tmp')]) {
      expect((await stat(folder)).mode & 0o777).toBe(0o700);
    }
  });

  it('takes fifty puts of one content at once and leaves one file and no draft', async () => {
    await Promise.all(Array.from({ length: 50 }, () => store.put(bytes('hello'))));
    expect(await readdir(join(root, 'sha256/2c'))).toEqual([HELLO]);
    expect(await readdir(join(root, 'tmp'))).toEqual([]);
  });

  it('refuses changed bytes, and mends them when the content is put again', async () => {
    await store.put(bytes('hello'));
    await chmod(pathOf(HELLO), 0o600);
    await writeFile(pathOf(HELLO), 'hellO');
    await expect(store.get(HELLO)).rejects.toMatchObject({ code: 'HASH_MISMATCH' });
    await store.put(bytes('hello'));
    expect((await readFile(pathOf(HELLO))).toString()).toBe('hello');
  });

  it('says what is not there', async () => {
    await expect(store.get('0'.repeat(64))).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
  });

  it.each(['', '../../etc/passwd', HELLO.toUpperCase(), `${HELLO}/..`, `${HELLO}\n`])(
    'refuses %j as a hash',
    async (hash) => {
      await expect(store.get(hash)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    },
  );
});

describe('model packages', () => {
  it('come back whole', async () => {
    const built = buildPackage(sampleParts());
    const ref = await storePackage(store, built);
    expect(ref.sha256).toBe(built.sha256);
    const loaded = await loadPackage(store, ref.sha256);
    expect(loaded.manifest).toEqual(built.manifest);
    expect(Buffer.from(loaded.files['model.onnx'])).toEqual(Buffer.from(built.files['model.onnx']));
  });

  it('are refused for one flipped bit in any file', async () => {
    const built = buildPackage(sampleParts());
    const ref = await storePackage(store, built);
    for (const { sha256 } of [...built.manifest.files, ref]) {
      const whole = await readFile(pathOf(sha256));
      const flipped = Buffer.from(whole);
      flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] ?? 0) ^ 1;
      await writeFile(pathOf(sha256), flipped);
      await expect(loadPackage(store, ref.sha256)).rejects.toMatchObject({ code: 'HASH_MISMATCH' });
      await writeFile(pathOf(sha256), whole);
    }
  });
});
