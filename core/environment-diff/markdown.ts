// The comparison of two environments as Markdown, for a comment on a pull request: what matters first, the long tables folded away.
import type { EnvironmentDiff, ModelDiff, TableDiff } from './index.ts';
import { type FeatureDiff, MOVED } from './profiles.ts';
import type { Slice } from './slices.ts';

/** So that a later comment can take the place of an earlier one. */
export const MARKER = '<!-- perennial diff -->';

export const diffMarkdown = (diff: EnvironmentDiff): string =>
  [
    MARKER,
    `## \`${diff.from}\` against \`${diff.to}\``,
    headline(diff),
    ...diff.notes.map((note) => `> ${plain(note)}`),
    ...diff.models.map((model) => modelSection(diff, model)),
    featureSection(diff),
    tableSection(diff),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n');

const numbered = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

const headline = ({ changed, models, features, tables, from, to }: EnvironmentDiff): string => {
  if (!changed) return 'Nothing that matters differs: same champions, same shapes, features spread alike.';
  const champions = models.filter(({ same }) => !same).length;
  const moved = features.filter(({ psi }) => psi === null || psi > MOVED).length;
  const shapes = tables.filter(({ change, columns }) => change.startsWith('only') || columns.length > 0).length;
  const parts = [numbered(champions, 'champion'), numbered(moved, 'feature'), numbered(shapes, 'table shape')];
  return `${parts.join(', ')} of **${plain(from)}** differ from **${plain(to)}**.`;
};

const modelSection = ({ from, to }: EnvironmentDiff, model: ModelDiff): string => {
  const { flips, slices } = model;
  const versions = [model.from, model.to].map((one) => (one === null ? 'none' : `version ${one.version}`));
  return [
    `### ${plain(model.model)}: ${model.same ? 'the same model' : `${versions[0]} against ${versions[1]}`}`,
    ...model.notes.map((note) => `> ${plain(note)}`),
    flips === null
      ? ''
      : `**${percent(flips.flipped)}** of ${flips.rows} people in ${plain(flips.on.environment)} would be decided about differently at the top ${percent(flips.share)}: ${flips.in} come in, ${flips.out} go out; probabilities move by ${flips.meanMove.toFixed(4)} on average.`,
    slices === null ? '' : sliceTable(from, to, slices),
    folded(
      'Figures as registered, each on its own test rows',
      table(
        ['figure', from, to, 'change'],
        model.metrics.map(({ metric, from: a, to: b }) => [metric, figure(a), figure(b), change(a, b)]),
      ),
    ),
    flips === null || flips.movers.length === 0
      ? ''
      : folded(
          // No names: whoever reads a pull request need not know a customer.
          'The largest moves (who they are: `perennial diff`)',
          table(
            [from, to],
            flips.movers.map(({ from: a, to: b }) => [a.toFixed(4), b.toFixed(4)]),
          ),
        ),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
};

const sliceTable = (
  from: string,
  to: string,
  { on, rows }: { on: { environment: string; cut: string }; rows: readonly Slice[] },
) =>
  [
    `Both on the same rows of ${plain(on.environment)}, cut ${plain(on.cut)}:`,
    table(
      [
        'rows',
        'count',
        'positives',
        `ROC-AUC ${from}`,
        `ROC-AUC ${to}`,
        'change',
        `lift @ 5 % ${from}`,
        `lift @ 5 % ${to}`,
      ],
      rows.map(({ by, value, rows: count, positives, from: a, to: b }) => [
        by === 'all' ? 'all' : `${by} = ${value}`,
        String(count),
        String(positives),
        figure(a?.rocAuc ?? null),
        figure(b?.rocAuc ?? null),
        change(a?.rocAuc ?? null, b?.rocAuc ?? null),
        figure(a?.liftAt5 ?? null, 2),
        figure(b?.liftAt5 ?? null, 2),
      ]),
    ),
  ].join('\n\n');

const featureSection = ({ features, from, to }: EnvironmentDiff): string => {
  if (features.length === 0) return '';
  const moved = features.filter(({ psi }) => psi === null || psi > MOVED);
  return folded(
    moved.length === 0
      ? `${features.length} features, none has moved`
      : `${moved.length} of ${features.length} features have moved`,
    table(
      ['feature', 'PSI', 'std. difference', `missing ${from}`, `missing ${to}`, `median ${from}`, `median ${to}`],
      features.map(featureRow),
    ),
  );
};

const featureRow = ({ table: where, feature, psi, standardised, from, to }: FeatureDiff): string[] => [
  `${where}.${feature}`,
  psi === null ? 'on one side only' : psi.toFixed(3),
  figure(standardised),
  from ? percent(from.missing) : '',
  to ? percent(to.missing) : '',
  figure(from?.quantiles?.[2] ?? null),
  figure(to?.quantiles?.[2] ?? null),
];

const tableSection = ({ tables, from, to }: EnvironmentDiff): string => {
  const odd = tables.filter(({ change, columns }) => change.startsWith('only') || columns.length > 0).length;
  if (tables.length === 0) return '';
  return folded(
    odd === 0 ? `${tables.length} tables, all of one shape` : `${odd} of ${tables.length} tables differ in shape`,
    table([`table`, `rows ${from}`, `rows ${to}`, 'difference'], tables.map(tableRow)),
  );
};

const tableRow = ({ table: name, change: what, rows: [a, b], columns }: TableDiff): string[] => [
  name,
  a === null ? 'absent' : String(a),
  b === null ? 'absent' : String(b),
  columns.length === 0 ? what : columns.join(', '),
];

const figure = (value: number | null, digits = 3): string => (value === null ? '–' : value.toFixed(digits));
const change = (a: number | null, b: number | null): string => {
  if (a === null || b === null) return '';
  return `${a >= b ? '+' : '−'}${Math.abs(a - b).toFixed(3)}`;
};
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const folded = (title: string, body: string): string =>
  `<details><summary>${plain(title)}</summary>\n\n${body}\n\n</details>`;

const table = (columns: readonly string[], rows: readonly (readonly string[])[]): string =>
  [columns, columns.map(() => '---'), ...rows].map((row) => `| ${row.map(plain).join(' | ')} |`).join('\n');

/** Text from elsewhere stays text: no new cell, no line, no tag. */
const plain = (text: string): string =>
  text.replace(/\s+/g, ' ').replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('<', '&lt;');
