// The comparison of two environments for a terminal: what matters first.
import pc from 'picocolors';
import type { EnvironmentDiff, ModelDiff } from '../core/environment-diff/index.ts';
import { MOVED } from '../core/environment-diff/profiles.ts';
import { count, table } from './output.ts';

export const environmentText = (diff: EnvironmentDiff): string =>
  [
    `${pc.bold(diff.from)} against ${pc.bold(diff.to)}`,
    ...diff.notes.map((note) => pc.yellow(`  ${note}`)),
    ...diff.models.flatMap((model) => modelText(diff, model)),
    ...featureText(diff),
    ...tableText(diff),
    diff.changed ? '' : pc.green('Nothing that matters differs.'),
  ]
    .filter((line) => line !== '')
    .join('\n');

const modelText = ({ from, to }: EnvironmentDiff, model: ModelDiff): string[] => {
  const { flips, slices } = model;
  const side = (one: ModelDiff['from']) => (one === null ? 'no champion' : `version ${one.version} as of ${one.asOf}`);
  const shown = (value: number | null, digits = 3) => (value === null ? '–' : value.toFixed(digits));
  return [
    `\n${pc.bold(model.model)}  ${from}: ${side(model.from)} · ${to}: ${side(model.to)}${model.same ? ' (the same package)' : ''}`,
    ...model.notes.map((note) => pc.yellow(`  ${note}`)),
    ...(flips === null
      ? []
      : [
          `  ${(100 * flips.flipped).toFixed(2)} % of ${count(flips.rows)} people in ${flips.on.environment} flip at the top ${100 * flips.share} %: ${flips.in} in, ${flips.out} out`,
          ...flips.movers.map(({ entity, from: a, to: b }) =>
            pc.dim(`    ${entity}: ${b.toFixed(4)} → ${a.toFixed(4)}`),
          ),
        ]),
    ...(slices === null
      ? []
      : [
          `  both on the rows of ${slices.on.environment}, cut ${slices.on.cut}:`,
          table(
            slices.rows.map(({ by, value, rows, positives, from: a, to: b }) => ({
              rows: by === 'all' ? 'all' : `${by} = ${value}`,
              count: rows,
              positives,
              [`ROC-AUC ${from}`]: shown(a?.rocAuc ?? null),
              [`ROC-AUC ${to}`]: shown(b?.rocAuc ?? null),
              [`lift@5% ${from}`]: shown(a?.liftAt5 ?? null, 2),
              [`lift@5% ${to}`]: shown(b?.liftAt5 ?? null, 2),
            })),
          ),
        ]),
    pc.dim(
      `  as registered: ${model.metrics.map(({ metric, from: a, to: b }) => `${metric} ${shown(a)} | ${shown(b)}`).join(' · ')}`,
    ),
  ];
};

const featureText = ({ features }: EnvironmentDiff): string[] => {
  if (features.length === 0) return [];
  const moved = features.filter(({ psi }) => psi === null || psi > MOVED);
  const head = `\n${pc.bold('Features')}  ${moved.length} of ${features.length} have moved (PSI above ${MOVED})`;
  if (moved.length === 0) return [head];
  const rows = moved.map(({ table: where, feature, psi, standardised, from, to }) => ({
    feature: `${where}.${feature}`,
    psi: psi === null ? 'one side only' : psi.toFixed(3),
    difference: standardised?.toFixed(3) ?? '',
    missing: `${share(from?.missing)} | ${share(to?.missing)}`,
    median: `${from?.quantiles?.[2] ?? '–'} | ${to?.quantiles?.[2] ?? '–'}`,
  }));
  return [head, table(rows)];
};

const share = (value: number | undefined): string => (value === undefined ? '–' : `${(100 * value).toFixed(1)} %`);

const tableText = ({ tables }: EnvironmentDiff): string[] => {
  if (tables.length === 0) return [];
  const rows = tables.map(({ table: name, rows: [a, b], change, columns }) => ({
    table: name,
    rows: `${a ?? 'absent'} | ${b ?? 'absent'}`,
    difference: columns.length === 0 ? change : columns.join(', '),
  }));
  return [`\n${pc.bold('Tables')}`, table(rows, 200)];
};
