// When an open approval is called to mind, when it is escalated, and when it lapses. Pure: workflows give the clock.

export interface Patience {
  /** From one reminder to the next. */
  readonly remindAfterSeconds: number;
  /** Reminders from here on go one step higher. */
  readonly escalateAfterSeconds: number;
  /** Without an answer until then the promotion lapses. */
  readonly expireAfterSeconds: number;
}

const DAY = 86_400;
export const defaultPatience: Patience = {
  remindAfterSeconds: DAY,
  escalateAfterSeconds: 3 * DAY,
  expireAfterSeconds: 14 * DAY,
};

export interface DueReminder {
  /** Counts the reminders of one round, from 1. */
  readonly number: number;
  readonly escalated: boolean;
  /** Earlier ones that nobody was there to deliver; this one stands for them. */
  readonly missed: number;
}

/** The one reminder to deliver now, whatever number of them came due while nobody was at work; undefined if none is new. */
export const dueReminder = (
  { remindAfterSeconds, escalateAfterSeconds }: Patience,
  openedAt: number,
  now: number,
  delivered: number,
): DueReminder | undefined => {
  const seconds = (now - openedAt) / 1000;
  const number = Math.floor(seconds / remindAfterSeconds);
  if (number <= delivered) return undefined;
  return { number, escalated: seconds >= escalateAfterSeconds, missed: number - delivered - 1 };
};

/** When something is to be done next: the reminder after those delivered, or the end. Milliseconds since 1970. */
export const nextMoment = (patience: Patience, openedAt: number, delivered: number): number =>
  Math.min(openedAt + (delivered + 1) * patience.remindAfterSeconds * 1000, expiry(patience, openedAt));

export const expiry = ({ expireAfterSeconds }: Patience, openedAt: number): number =>
  openedAt + expireAfterSeconds * 1000;
