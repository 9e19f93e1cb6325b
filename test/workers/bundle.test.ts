// The workflow bundle builds without a warning and stays light: every cached workflow carries it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { workflowBundle } from '../../workers/bundle.ts';

const root = path.join(import.meta.dirname, '..', '..');

it('builds once, below 2 MB', async () => {
  const cache = mkdtempSync(path.join(tmpdir(), 'perennial-bundle-'));
  const built = await workflowBundle(root, cache);
  const found = await workflowBundle(root, cache);
  rmSync(cache, { recursive: true });
  expect(found).toEqual(built);
  expect(built.bytes).toBeLessThan(2_000_000);
}, 60_000);
