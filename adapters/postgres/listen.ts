// Hears Postgres notifications on one channel, on a connection of its own that is made again when it breaks. For serving.
import pg from 'pg';
import type { PostgresAddress } from './pool.ts';

const RETRY_MS = 2_000;

/**
 * Calls `onNotice` for each notification. Whoever listens must poll as well: what was sent while the connection was broken is lost.
 * `onTrouble` hears each failure. Returns the function that stops it.
 */
export const listen = (
  address: PostgresAddress,
  channel: string,
  onNotice: (payload: string) => void,
  onTrouble: (error: Error) => void,
): (() => Promise<void>) => {
  let stopped = false;
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  const again = (error: Error) => {
    client = undefined;
    if (stopped) return;
    onTrouble(error);
    timer = setTimeout(connect, RETRY_MS).unref();
  };
  const connect = () => {
    const { host, port, user, password, database } = address;
    const next = new pg.Client({
      host,
      port,
      user,
      password,
      database,
      keepAlive: true,
      application_name: 'perennial serving',
    });
    client = next;
    // Of the error and the end of one connection only the first counts.
    const broke = once((error: Error) => again(error));
    next.on('error', broke);
    next.on('end', () => broke(new Error('The connection ended')));
    next.on('notification', ({ payload }) => onNotice(payload ?? ''));
    next
      .connect()
      .then(() => next.query(`listen ${next.escapeIdentifier(channel)}`))
      .catch(broke);
  };
  connect();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await client?.end();
  };
};

const once = (work: (error: Error) => void): ((error: Error) => void) => {
  let done = false;
  return (error) => {
    if (!done) work(error);
    done = true;
  };
};
