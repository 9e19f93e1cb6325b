// Cuts a timeline into train, calibrate, test and score, so that no row's label reaches into a later role's features.
import { PerennialError } from '../errors.ts';
import type { TimeSplit, Windows } from '../model.ts';

const DAY = 86_400_000;

export interface SplitRequest {
  /** End of knowledge, exclusive: the midnight (UTC) after the last full day, as an ISO date. */
  readonly asOf: string;
  readonly windows: Windows;
  /** First day with data, as an ISO date. */
  readonly firstDay: string;
  /** Days that must lie before a training cut for its features to say anything; default: as long as a label window. */
  readonly minimumHistoryDays?: number;
}

/**
 * Each step back from `asOf` is gap + label days, so a label window closes no later than the next role's cut: score = asOf,
 * test, calibrate, then training cuts a stride apart, the latest first; fewer than asked where history is short.
 * Throws `INVALID_INPUT` where not one training cut fits.
 */
export const splitByTime = ({
  asOf,
  windows,
  firstDay,
  minimumHistoryDays = windows.labelDays,
}: SplitRequest): TimeSplit => {
  const back = (windows.gapDays + windows.labelDays) * DAY;
  const score = midnight('asOf', asOf);
  const latest = score - 3 * back;
  const earliest = midnight('firstDay', firstDay) + minimumHistoryDays * DAY;
  const wanted = Array.from({ length: windows.trainingCuts }, (_, k) => latest - k * windows.strideDays * DAY);
  const train = wanted.filter((cut) => cut >= earliest);
  if (train.length === 0) {
    const days = Math.round((score - earliest) / DAY) + minimumHistoryDays;
    const needed = (3 * back) / DAY + minimumHistoryDays;
    throw new PerennialError('INVALID_INPUT', `${days} days of data leave no room for a training cut`, {
      field: 'asOf',
      value: asOf,
      mend: `Give at least ${needed} days: three label windows (train, calibrate, test) and ${minimumHistoryDays} days of history.`,
    });
  }
  return {
    train: train.map(isoDay),
    calibrate: isoDay(score - 2 * back),
    test: isoDay(score - back),
    score: isoDay(score),
  };
};

const midnight = (field: string, date: string): number => {
  const time = Date.parse(`${date}T00:00:00Z`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || Number.isNaN(time) || isoDay(time) !== date) {
    throw new PerennialError('INVALID_INPUT', 'Expected a date such as 2011-12-09', { field, value: date });
  }
  return time;
};

const isoDay = (time: number): string => new Date(time).toISOString().slice(0, 10);
