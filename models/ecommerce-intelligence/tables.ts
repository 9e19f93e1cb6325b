// The tables of e-commerce intelligence: each promise joined with the select of the same name beside it.
import { readFileSync } from 'node:fs';
import type { Table, TableName } from '../../core/table.ts';
import { features } from './features/promises.ts';
import { gold } from './gold/promises.ts';
import { silver } from './silver/promises.ts';

const sqlOf = (name: TableName): string =>
  readFileSync(new URL(`./${name.replace('.', '/')}.sql`, import.meta.url), 'utf8');

export const tables: readonly Table[] = [...silver, ...gold, ...features].map((promise) => ({
  ...promise,
  sql: sqlOf(promise.name),
}));
