// The model card (Mitchell et al. 2019): what a version is for, how well it answers, from which data, and where not to trust it.
import type { Evaluation, Figure, Figures, Lineage, Signature } from './model-package.ts';

export interface CardParts {
  readonly useCase: string;
  readonly model: string;
  readonly question: string;
  readonly signature: Signature;
  readonly evaluation: Evaluation;
  readonly lineage: Lineage;
  /** How far the exported network's answers lay from the trained model's. */
  readonly parity?: { readonly rows: number; readonly maxAbsDifference: number };
}

/** Markdown; findings first. Equal parts give equal text. */
export const modelCard = (parts: CardParts): string =>
  [
    headline(parts),
    figuresSection(parts),
    dataSection(parts),
    featuresSection(parts),
    trainingSection(parts),
    limits(parts),
  ]
    .join('\n\n')
    .concat('\n');

const headline = ({ useCase, model, question, signature, evaluation }: CardParts): string => {
  const auc = evaluation.figures.roc_auc;
  const rule = evaluation.baseline.figures.roc_auc;
  const verdict =
    auc && rule ? ` ROC-AUC ${shown(auc)}; the rule "${evaluation.baseline.name}" has ${shown(rule)}.` : '';
  return [
    `# ${plain(useCase)} / ${plain(model)}`,
    `**${plain(question)}**${plain(verdict)}`,
    `Answers with a probability for one \`${plain(signature.entity)}\`: ${plain(signature.output.meaning)}.`,
  ].join('\n\n');
};

const figuresSection = ({ evaluation }: CardParts): string => {
  const { test, figures, baseline, oracle } = evaluation;
  const columns = ['figure', 'model', `rule: ${baseline.name}`, ...(oracle ? ['ceiling'] : [])];
  const rows = Object.keys(figures).map((name) => [
    name,
    cell(figures, name),
    cell(baseline.figures, name),
    ...(oracle ? [cell(oracle.figures, name)] : []),
  ]);
  return [
    '## How well it answers',
    `Tested at cut ${test.cut} on ${test.rows} rows with ${test.positives} positives, none of them seen in training. Intervals: bootstrap, 95 %.`,
    table(columns, rows),
  ].join('\n\n');
};

const dataSection = ({ lineage, signature }: CardParts): string => {
  const { observationDays, gapDays, labelDays } = signature.windows;
  return [
    '## Data',
    `- Source: ${plain(lineage.source)}, known up to ${lineage.asOf}; ${lineage.trainingRows} training rows.`,
    `- Label: ${plain(signature.output.meaning)}.`,
    `- Features see ${observationDays} days before a cut; the label looks at ${labelDays} days after it, a gap of ${gapDays} days between.`,
    `- Cuts: training ${lineage.split.train.join(', ')}; calibration ${lineage.split.calibrate}; test ${lineage.split.test}.`,
    ...lineage.inputs.map(
      ({ table: name, snapshot, key }) => `- \`${name}\` at snapshot ${snapshot}, key \`${key.slice(0, 12)}\`.`,
    ),
  ].join('\n');
};

const featuresSection = ({ signature, evaluation }: CardParts): string => {
  const total = evaluation.importance.reduce((sum, { gain }) => sum + gain, 0);
  const share = (feature: string): string => {
    const gain = evaluation.importance.find((row) => row.feature === feature)?.gain;
    return gain === undefined || total === 0 ? '' : `${((100 * gain) / total).toFixed(1)} %`;
  };
  const rows = signature.features.map(({ name, kind, description }) => [name, kind, description, share(name)]);
  return ['## Features', table(['feature', 'kind', 'meaning', 'share of gain'], rows)].join('\n\n');
};

const trainingSection = ({ lineage, signature, parity }: CardParts): string => {
  const { learner, seed, codeVersion, planHash, environment } = lineage;
  const params = Object.entries(learner.params).map(([name, value]) => `${name}=${value}`);
  const { slope, intercept } = signature.calibration;
  return [
    '## How it was made',
    `- ${plain(learner.kind)}, ${learner.rounds} rounds, seed ${seed}: ${plain(params.join(', '))}.`,
    `- Calibrated by Platt's method: slope ${shortNumber(slope)}, intercept ${shortNumber(intercept)}.`,
    `- Made in ${environment} by code ${plain(codeVersion)}, plan \`${planHash.slice(0, 12)}\`.`,
    ...(parity
      ? [`- Exported to ONNX: at most ${parity.maxAbsDifference} away on ${parity.rows} adversarial rows.`]
      : []),
  ].join('\n');
};

const limits = ({ signature, evaluation, lineage }: CardParts): string =>
  [
    '## Where not to trust it',
    `- It was judged on one period. Prices, seasons or customers unlike those before ${lineage.asOf} may break it; watch drift.`,
    `- Categories it never saw count as missing${Object.keys(signature.categories).length === 0 ? ' (it has none)' : ''}.`,
    '- It foretells, it does not explain: a feature that moves the score need not cause the outcome.',
    `- Without it, people would use: ${plain(evaluation.baseline.name)}. Fall back to that.`,
  ].join('\n');

const cell = (figures: Figures, name: string): string => {
  const figure = figures[name];
  return figure === undefined ? '' : shown(figure);
};

const shown = ({ value, low, high }: Figure): string =>
  low === undefined || high === undefined
    ? shortNumber(value)
    : `${shortNumber(value)} (${shortNumber(low)}–${shortNumber(high)})`;

const shortNumber = (value: number): string => String(Number(value.toPrecision(3)));

const table = (columns: readonly string[], rows: readonly (readonly string[])[]): string =>
  [columns, columns.map(() => '---'), ...rows].map((row) => `| ${row.map(plain).join(' | ')} |`).join('\n');

/** Text from elsewhere stays text: no new table cell, no line, no tag. */
const plain = (text: string): string =>
  text.replace(/\s+/g, ' ').replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('<', '&lt;');
