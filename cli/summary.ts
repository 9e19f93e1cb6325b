// What a run found, on one screen.
import pc from 'picocolors';
import type { ModelSummary, RunSummary } from '../core/run.ts';
import type { Environment } from '../environments/environment.ts';
import { count } from './output.ts';

const FIGURES: readonly (readonly [name: string, title: string, digits: number])[] = [
  ['roc_auc', 'ROC-AUC', 3],
  ['average_precision', 'Average precision', 3],
  ['lift_at_5', 'Lift @ 5 %', 2],
  ['precision_at_5', 'Precision @ 5 %', 3],
  ['recall_at_5', 'Recall @ 5 %', 3],
  ['brier', 'Brier score', 4],
];

export const printSummary = (environment: Environment, summary: RunSummary, page: string): void => {
  console.log(`\n${summaryText(environment, summary, page)}\n`);
};

/** Rows, tables, segments, each model's figures beside the rule's and the ceiling's, and where to look. */
export const summaryText = (environment: Environment, summary: RunSummary, page: string): string =>
  [
    rows(summary),
    steps(summary),
    segments(summary),
    ...summary.models.map(modelText),
    ...summary.headlines.slice(0, 5).map((line) => `  ${pc.dim('•')} ${line}`),
    '',
    `Temporal UI  ${page}`,
    ...summary.models.map(({ mlflow }) => `MLflow       ${mlflow}`),
    summary.report === '' ? undefined : `Report       file://${summary.report}`,
    `API          ${environment.api.url}`,
  ]
    .filter((line) => line !== undefined)
    .join('\n');

const rows = ({ ingest, moments }: RunSummary): string => {
  if (!ingest) return `${pc.bold('Rows')}      nothing ingested: the lake as it stood, as of ${moments.asOf}`;
  const { rowsIn, loaded, quarantined, files, known } = ingest;
  const again = known > 0 ? pc.dim(` (${count(known)} of ${count(files)} files were known already)`) : '';
  return `${pc.bold('Rows')}      ${count(rowsIn)} in = ${count(loaded)} loaded + ${count(quarantined)} quarantined, from ${count(files)} files${again}`;
};

const steps = ({ steps: { ran, reused }, transform }: RunSummary): string => {
  const because = transform.because.slice(0, 3).join('; ');
  return `${pc.bold('Steps')}     reused ${reused}, ran ${ran}${because === '' ? '' : pc.dim(`, because ${because}`)}`;
};

const segments = ({ segments: found }: RunSummary): string => {
  const all = Object.values(found).reduce((a, b) => a + b, 0);
  const parts = Object.entries(found).map(
    ([name, customers]) => `${name} ${count(customers)} (${Math.round((100 * customers) / all)} %)`,
  );
  return `${pc.bold('Segments')}  ${parts.join(' · ') || pc.dim('none')}`;
};

const modelText = ({ model, version, champion, created, metrics, reasons }: ModelSummary): string => {
  const ceiling = metrics.oracle_roc_auc !== undefined;
  const head = ['', 'model', '95 % interval', 'rule', ...(ceiling ? ['ceiling'] : [])];
  const body = FIGURES.filter(([name]) => metrics[name] !== undefined).map(([name, title, digits]) => {
    const figure = (key: string) => metrics[key]?.toFixed(digits) ?? '–';
    const interval = `${figure(`${name}_low`)} – ${figure(`${name}_high`)}`;
    return [title, figure(name), interval, figure(`baseline_${name}`), ...(ceiling ? [figure(`oracle_${name}`)] : [])];
  });
  const widths = head.map((_, i) => Math.max(...[head, ...body].map((line) => line[i]?.length ?? 0)));
  const lines = [head, ...body].map(
    (line) =>
      `  ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('   ')}`,
  );
  const state = champion ? pc.green('champion') : pc.yellow(`not champion: ${reasons.join('; ')}`);
  return [`${pc.bold('Model')}     ${model} version ${version}${created ? '' : ' (known)'}, ${state}`, ...lines].join(
    '\n',
  );
};
