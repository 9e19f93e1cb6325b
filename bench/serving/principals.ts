// Who asks: a thousand principals in turn, each with an API key of his own and so with a limit of his own.
import { PostgresApiKeys } from '../../adapters/postgres/api-keys.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import type { Environment } from '../../environments/environment.ts';

export type AsWhom = (request: number) => Readonly<Record<string, string>>;

const PRINCIPALS = 1_000;

export const principals = async ({ postgres, schema, name }: Environment): Promise<AsWhom> => {
  const pool = openPool(postgres, { max: 1, schema });
  const keys = new PostgresApiKeys(pool);
  const headers: Readonly<Record<string, string>>[] = [];
  for (let at = 0; at < PRINCIPALS; at += 1) {
    const given = { environment: name, name: `bench-${at}`, roles: ['scientist'], days: 1, by: 'bench' } as const;
    const { text } = await keys.create(given);
    headers.push({ authorization: `Bearer ${text}` });
  }
  await pool.end();
  return (request) => headers[request % PRINCIPALS] ?? {};
};
