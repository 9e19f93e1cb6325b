// What a run says of its stages and of itself: notes for the board, search attributes, and the result.
import * as wf from '@temporalio/workflow';
import type { BuiltTable, Moments } from '../core/plan.ts';
import type { IngestSummary, RunSummary } from '../core/run.ts';
import { attributes } from './names.ts';
import type { Scored } from './score.ts';
import type { Trained } from './train.ts';
import type { Transformed } from './transform.ts';

export const ingestNote = ({ rowsIn, loaded, quarantined, known }: IngestSummary): string => {
  wf.upsertSearchAttributes([{ key: attributes.rows, value: loaded }]);
  return `${rowsIn} rows in = ${loaded} loaded + ${quarantined} quarantined${known > 0 ? `; ${known} files known` : ''}`;
};

export const modelNote = (trained: readonly Trained[]): string => {
  for (const { summary } of trained) {
    wf.upsertSearchAttributes([
      { key: attributes.model, value: summary.model },
      { key: attributes.metric, value: summary.metrics.roc_auc ?? 0 },
    ]);
  }
  const notes = trained.map(
    ({ summary: { model, version, metrics, mlflow } }) =>
      `[${model} version ${version}](${mlflow}), ROC-AUC ${(metrics.roc_auc ?? 0).toFixed(3)}`,
  );
  return notes.join('; ');
};

/** Score tables that were committed or found. */
export const scoresOf = (scored: readonly Scored[]): BuiltTable[] => scored.flatMap(({ scores }) => scores ?? []);

export const scoreNote = (scored: readonly Scored[]): string =>
  scoresOf(scored)
    .map(({ table, rows }) => `${table}: ${rows} entities`)
    .join('; ') || 'no version is champion yet: nothing scored';

export interface Found {
  readonly useCase: string;
  readonly moments: Moments;
  readonly arrived: IngestSummary | null;
  readonly shaped: Transformed;
  readonly trained: readonly Trained[];
  readonly scored: readonly Scored[];
  readonly report: {
    readonly file: string;
    readonly headlines: readonly string[];
    readonly segments: Readonly<Record<string, number>>;
  };
}

export const summaryOf = ({ useCase, moments, arrived, shaped, trained, scored, report }: Found): RunSummary => {
  const scores = scoresOf(scored);
  return {
    status: 'completed',
    useCase,
    moments,
    ingest: arrived,
    transform: shaped.summary,
    models: trained.map(({ summary }) => summary),
    scored: sum(scores.map(({ rows }) => rows)),
    segments: report.segments,
    report: report.file,
    headlines: report.headlines,
    steps: {
      ran:
        shaped.summary.built +
        sum(trained.map(({ steps }) => steps.ran)) +
        scores.filter(({ reused }) => !reused).length,
      reused:
        shaped.summary.reused +
        sum(trained.map(({ steps }) => steps.reused)) +
        scores.filter(({ reused }) => reused).length,
    },
  };
};

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
