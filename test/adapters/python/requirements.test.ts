// The lock of the Python environment: everything pinned and hashed, nothing about where it was resolved.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DUCKDB_VERSION } from '../../../adapters/duckdb/extensions.ts';

const read = (name: string): string => readFileSync(`adapters/python/${name}`, 'utf8');

describe.each(['requirements.txt', 'requirements-test.txt'])('%s', (name) => {
  const lock = read(name);
  const entries = lock
    .replaceAll('\\\n', '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

  it('pins every package with at least one hash', () => {
    expect(entries.length).toBeGreaterThan(5);
    for (const entry of entries) expect(entry).toMatch(/^[a-z0-9.-]+==[^\s;]+( ;.*?)?\s+--hash=sha256:[0-9a-f]{64}/);
  });

  it('names no registry, folder or address', () => {
    expect(lock).not.toMatch(/:\/\/|--(extra-)?index-url|--find-links|file:|@ /);
  });
});

describe('requirements.txt', () => {
  const lock = read('requirements.txt');

  it('holds what requirements.in pins, and none of what is left out', () => {
    const pinned = read('requirements.in')
      .split('\n')
      .filter((line) => line.includes('==') && !line.startsWith('#'));
    for (const pin of pinned) expect(lock).toContain(`\n${pin} `);
    const leftOut = read('requirements-left-out.txt')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    for (const name of leftOut) expect(lock).not.toContain(`\n${name}==`);
  });

  it('has the extensions of the very DuckDB that npm installs', () => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      dependencies: Record<string, string>;
    };
    expect(dependencies['@duckdb/node-api']).toMatch(new RegExp(`^${DUCKDB_VERSION}-`));
    for (const name of ['ducklake', 'postgres-scanner', 'httpfs']) {
      expect(lock).toContain(`\nduckdb-extension-${name}==${DUCKDB_VERSION} `);
    }
  });
});
