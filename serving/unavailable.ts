// What stands behind the API does not answer: said as a problem that passes, never as a fault of this server.
import { PerennialError } from '../core/errors.ts';

/** What `work` gives; what is not one of our own errors becomes UNAVAILABLE. */
export const orUnavailable = async <T>(what: string, work: Promise<T>): Promise<T> => {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof PerennialError && cause.hopeless) throw cause;
    throw new PerennialError('UNAVAILABLE', `${what} does not answer`, { field: 'postgres', mend: 'Try again', cause });
  }
};
