// One transaction on a pool's connection, for the registry and the promotions: all of it happened, or nothing did.
import type { Pool, PoolClient } from 'pg';

export const inTransaction = async <T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> => {
  const client = await pool.connect();
  // A client that failed inside a transaction is thrown away: the server rolls back when its connection closes.
  let broken = true;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    broken = false;
    return result;
  } finally {
    client.release(broken);
  }
};
