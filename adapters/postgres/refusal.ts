// Which refusals of Postgres no second try would change: data that cannot be stored, a broken promise of a table. For logs that try again.
import pg from 'pg';
import { PerennialError } from '../../core/errors.ts';

const HOPELESS = /^2[23]/;

/** What `work` gives. @throws PerennialError INVALID_INPUT, which is hopeless, in place of such a refusal. */
export const orRefused = async <T>(what: string, work: Promise<T>): Promise<T> => {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof pg.DatabaseError) || !HOPELESS.test(cause.code ?? '')) throw cause;
    throw new PerennialError('INVALID_INPUT', `Postgres can never store it: ${cause.message}`, { field: what, cause });
  }
};
