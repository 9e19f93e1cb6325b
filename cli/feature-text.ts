// Feature views for people: lines of a table, and one view in full.
import pc from 'picocolors';
import type { FeatureProfile } from '../core/environment-diff/profiles.ts';
import type { Selection } from './feature-selection.ts';
import type { ListedView, OnlineVersion } from './features.ts';
import { table } from './output.ts';

type Line = Readonly<Record<string, unknown>>;

export const viewLine = ({
  view,
  kind,
  version,
  entity,
  owner,
  ttlDays,
  features,
  online,
  models,
}: ListedView): Line => {
  const [newest] = online;
  const users = models.filter(({ champion }) => champion).map(({ model, version: of }) => `${model}@${of}`);
  return {
    view,
    version: version ?? kind,
    entity,
    owner,
    TTL: ttlDays === null ? '' : `${ttlDays} d`,
    features: features.length,
    'rows online': newest?.rows ?? 0,
    fresh: newest ? age(newest.ageSeconds) : '',
    'known at': newest?.knownAt?.slice(0, 16).replace('T', ' ') ?? '',
    'answers for': users.join(', '),
  };
};

export const featuresText = (lines: readonly Line[]): string => table(lines);

/** 93,600 seconds → `1.1 d`. */
const age = (seconds: number | null): string => {
  if (seconds === null) return '';
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${(seconds / 3_600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} d`;
};

export interface Statistic {
  readonly feature: string;
  readonly missing: number;
  readonly mean: number | null;
  readonly deviation: number | null;
  /** 5, 25, 50, 75 and 95 percent. */
  readonly quantiles: readonly number[] | null;
}

export const profileLine = ({ feature, missing, mean, deviation, quantiles }: FeatureProfile): Statistic => ({
  feature,
  missing,
  mean,
  deviation,
  quantiles,
});

export const viewText = (
  found: Partial<ListedView> & { readonly cut: string | null; readonly statistics: readonly Statistic[] },
): string => {
  const {
    view = '',
    version,
    description,
    entity,
    owner,
    ttlDays,
    tags = [],
    services = [],
    online = [],
    models = [],
  } = found;
  const ttl = ttlDays === null || ttlDays === undefined ? 'no TTL' : `TTL ${ttlDays} days`;
  return [
    `${pc.bold(view)} ${pc.dim(version ?? 'folded from a stream')} ${description ?? ''}`,
    `  by ${entity} · owner ${owner ?? 'nobody'} · ${ttl} · ${tags.join(', ')} · services ${services.join(', ') || 'none'}`,
    '',
    pc.bold('Online'),
    table(online.map(onlineLine)),
    '',
    pc.bold('Used by'),
    table(models.map((one) => ({ ...one, champion: one.champion ? 'champion' : '' }))),
    '',
    pc.bold(found.cut === null ? 'No statistics: the lake holds no rows' : `Statistics at ${found.cut}`),
    table(found.statistics.map(statisticLine), 200),
  ].join('\n');
};

const onlineLine = ({ version, current, rows, eventTime, knownAt, ageSeconds }: OnlineVersion): Line => ({
  version: version ?? '',
  current: current ? 'yes' : '',
  rows,
  'event time': eventTime,
  'known at': knownAt,
  fresh: age(ageSeconds),
});

const figure = (value: number | null | undefined): string =>
  typeof value === 'number' ? String(Number(value.toPrecision(4))) : '';

const statisticLine = ({ feature, missing, mean, deviation, quantiles }: Statistic): Line => ({
  feature,
  'missing %': (missing * 100).toFixed(1),
  mean: figure(mean),
  deviation: figure(deviation),
  '5 %': figure(quantiles?.[0]),
  median: figure(quantiles?.[2]),
  '95 %': figure(quantiles?.[4]),
});

export const selectionText = (
  of: { readonly model: string; readonly version: number },
  selection: Selection,
): string => {
  const { cuts, rows, choices } = selection;
  const kept = choices.filter((choice) => choice.kept).map(({ feature }) => feature);
  return [
    `${pc.bold(`${of.model}@${of.version}`)}: ${rows} rows of ${cuts.length} cuts, ${cuts[0]?.slice(0, 10)} to ${cuts.at(-1)?.slice(0, 10)}`,
    table(
      choices.map((choice) => ({
        feature: choice.feature,
        'gain %': (choice.gain * 100).toFixed(1),
        PSI: choice.stability.toFixed(3),
        keep: choice.kept ? 'yes' : 'no',
        why: choice.why,
      })),
      200,
    ),
    '',
    `A service of ${kept.length} of ${choices.length}: ${kept.join(', ')}`,
  ].join('\n');
};
