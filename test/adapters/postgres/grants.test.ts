// The grants as data: each table that a migration makes has a row, and no row is looser than the product's promises.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { tableRules } from '../../../adapters/postgres/grants.ts';
import { reach, serviceOf } from '../../../core/access.ts';

const sql = readdirSync('migrations').map((file) => readFileSync(`migrations/${file}`, 'utf8'));
const made = sql.flatMap((text) =>
  [...text.matchAll(/^create (?:unlogged )?table (?:if not exists )?(\w+)/gm)].map(([, name]) => name),
);

it('every table has a row, and every row a table', () => {
  expect([...made, 'migrations'].sort()).toEqual(Object.keys(tableRules).sort());
});

/** Rows that only pass through: in the lake before they go, counts of a minute that is over, tokens that expired (a trigger keeps others), or answers that can be made again. */
const PASSING = [
  'predictions',
  'prediction_flushes',
  'rate_limits',
  'refresh_tokens',
  'precomputed_sets',
  'precomputed_answers',
  'score_jobs',
];

it('no service truncates, or deletes what is to stay, and what says who did what is only added to', () => {
  for (const [table, { write }] of Object.entries(tableRules)) {
    const kept = PASSING.includes(table) ? write.replace(/, delete$/, '') : write;
    expect(kept, table).toMatch(/^select(, insert)?(, update( \([a-z0-9_, ]+\))?)?$/);
    if (/_events$|_decisions$|_findings$|_signatures$/.test(table)) expect(write, table).toBe('select, insert');
  }
});

it('an environment is written by its own service, and prod by nobody else', () => {
  for (const name of ['dev', 'staging', 'prod'] as const) expect(reach[name][serviceOf(name)]).toBe('write');
  expect(Object.entries(reach.prod).filter(([, how]) => how === 'write')).toEqual([['prod_service', 'write']]);
});
