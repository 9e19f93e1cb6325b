// Data versions as the command line reads them: with the reader's account, which can change nothing.
import { PostgresDataTags } from '../adapters/postgres/data-tags.ts';
import { openPool } from '../adapters/postgres/pool.ts';
import type { Environment } from '../environments/environment.ts';
import type { Reader } from './lake.ts';

export const withTags = async <T>(
  { schema, ...environment }: Environment,
  work: (tags: PostgresDataTags) => Promise<T>,
  reader: Reader = 'developer',
): Promise<T> => {
  const pool = openPool(environment[reader], { max: 2, schema });
  try {
    return await work(new PostgresDataTags(pool));
  } finally {
    await pool.end();
  }
};
