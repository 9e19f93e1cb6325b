// What may be pushed into the online store: rows that fit their view, about moments that have come. For the API's push route.
import { PerennialError } from './errors.ts';
import type { FeatureValue } from './feature-value.ts';
import type { Feature } from './feature-view.ts';

/** A row as a client sends it. */
export interface PushedRow {
  readonly entity: string;
  /** ISO 8601: the moment the values describe. */
  readonly eventTime: string;
  readonly values: Readonly<Record<string, FeatureValue>>;
}

/** Clocks differ; a moment further ahead than this is a mistake, and would block every true row until it has come. */
export const AHEAD_MS = 5 * 60_000;

/** The view's features are told in whole: what a push leaves out would be taken for what it was at another moment. */
export const checkPush = (
  features: readonly Pick<Feature, 'name' | 'kind'>[],
  rows: readonly PushedRow[],
  now: number,
): void => {
  for (const [i, row] of rows.entries()) {
    const at = `rows.${i}`;
    checkText(`${at}.entity`, row.entity);
    checkMoment(`${at}.event_time`, row.eventTime, now);
    checkValues(`${at}.values`, features, row.values);
  }
};

const checkMoment = (field: string, moment: string, now: number): void => {
  const time = Date.parse(moment);
  if (!(time >= 0)) throw refused('Not a moment since 1970', field, moment, 'Give an ISO 8601 time with its zone');
  if (time > now + AHEAD_MS)
    throw refused('The moment lies in the future', field, moment, 'Check the clock of whoever pushes');
};

const checkValues = (
  field: string,
  features: readonly Pick<Feature, 'name' | 'kind'>[],
  values: PushedRow['values'],
): void => {
  const names = new Set(features.map(({ name }) => name));
  const stranger = Object.keys(values).find((name) => !names.has(name));
  if (stranger !== undefined)
    throw refused(
      'The view has no such feature',
      `${field}.${stranger}`,
      values[stranger],
      `Known: ${[...names].join(', ')}`,
    );
  for (const { name, kind } of features)
    checkValue(`${field}.${name}`, kind, Object.hasOwn(values, name) ? values[name] : undefined);
};

const checkValue = (field: string, kind: Feature['kind'], value: FeatureValue | undefined): void => {
  if (value === null) return;
  if (value === undefined) throw refused('A feature is left out', field, undefined, 'Give it, or null for missing');
  const wanted = kind === 'numeric' ? 'number' : 'string';
  if (typeof value !== wanted)
    throw refused(`Expected a ${wanted}`, field, value, `Give a ${wanted}, or null for missing`);
  if (typeof value === 'number' && !Number.isFinite(value)) throw refused('Not a finite number', field, String(value));
  if (typeof value === 'string') checkText(field, value);
};

/** @throws PerennialError INVALID_INPUT for text that Postgres would refuse. */
export const checkText = (field: string, value: string): void => {
  if (value.includes('\u0000') || /\p{Cs}/u.test(value))
    throw refused('The text holds a character that cannot be kept', field, value);
};

const refused = (message: string, field: string, value: unknown, mend?: string): PerennialError =>
  new PerennialError('INVALID_INPUT', message, { field, value, ...(mend !== undefined && { mend }) });
