// LightGBM's parameter text (`name=value …`) from checked pairs, for the Dataset and the Booster alike.
import { PerennialError } from '../../core/errors.ts';
import type { LightGbm } from './library.ts';

export type ParamValue = string | number | boolean | readonly number[];
export type Params = ReadonlyMap<string, ParamValue>;

/** Parameters that a run gives and a learner may not, by canonical name: they decide what is read, how far and on what. */
const GIVEN_BY_THE_RUN = ['seed', 'num_threads', 'categorical_feature', 'num_iterations', 'verbosity'] as const;
/** Parameters of LightGBM's command-line program that would make it read or write files, or start from another model. */
const FORBIDDEN = [
  'task',
  'config',
  'data',
  'valid',
  'input_model',
  'output_model',
  'snapshot_freq',
  'machines',
] as const;

export interface RunSettings {
  readonly seed: number;
  readonly categoricalColumns: readonly number[];
}

/**
 * A learner's parameters with what the run adds. Deterministic always, and no thread count (`limitThreads` sets it), so that equal inputs give
 * equal model text on any machine. Categorical columns must reach the Dataset *and* the Booster, for
 * on the Booster alone LightGBM silently grows other trees. Throws `INVALID_INPUT` for unknown names and for a name given twice.
 */
export const runParams = (
  library: LightGbm,
  learner: Readonly<Record<string, string | number | boolean>>,
  run: RunSettings,
): Params => {
  const params = canonical(library, Object.entries(learner));
  for (const name of [...GIVEN_BY_THE_RUN, ...FORBIDDEN]) {
    if (params.has(name)) throw refused(name, 'A learner may not set this LightGBM parameter', 'Remove it.');
  }
  params.set('seed', run.seed).set('verbosity', -1).set('deterministic', true);
  if (params.get('force_row_wise') !== true) params.set('force_col_wise', true);
  if (run.categoricalColumns.length > 0) params.set('categorical_feature', run.categoricalColumns);
  return params;
};

/** Pairs under canonical names: of a name given twice (aliases count) LightGBM would keep the first without a word. */
export const canonical = (
  { canonicalNames }: LightGbm,
  pairs: Iterable<readonly [string, ParamValue]>,
): Map<string, ParamValue> => {
  const params = new Map<string, ParamValue>();
  for (const [given, value] of pairs) {
    const name = canonicalNames.get(given);
    if (name === undefined) throw refused(given, 'LightGBM knows no such parameter', 'Check its spelling.');
    if (params.has(name)) throw refused(given, `The LightGBM parameter ${name} is given twice`, 'Keep one of them.');
    params.set(name, value);
  }
  return params;
};

/** `name=value` pairs joined by blanks, lists by commas; the order is the map's and does not matter to LightGBM. */
export const paramText = (params: Params): string =>
  [...params].map(([name, value]) => `${name}=${valueText(name, value)}`).join(' ');

const valueText = (name: string, value: ParamValue): string => {
  const text = Array.isArray(value) ? value.join(',') : String(value);
  const finite = typeof value !== 'number' || Number.isFinite(value);
  if (!finite || text === '' || /[\s=]/.test(text))
    throw refused(name, 'Not a LightGBM parameter value', `Got ${text}.`);
  return text;
};

const refused = (field: string, message: string, mend: string): PerennialError =>
  new PerennialError('INVALID_INPUT', message, { field, mend });
