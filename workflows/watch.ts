// Looks after what starts by itself: whatever failed since is told to the receivers of alerts, once.
import type { WatchInput } from '../activities/alert.ts';
import { light } from './proxies.ts';

/** `{}` is a valid input. */
export async function watch(input: WatchInput): Promise<{ failed: number }> {
  return light({}).watchSchedules.executeWithOptions({ summary: 'scheduled runs that failed' }, [input ?? {}]);
}
