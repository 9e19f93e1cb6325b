// Publishes what a run found: every page's queries at pinned snapshots, drawn once, kept as artifacts and as one HTML file.
import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PostgresPublishedReports, type PublishedReportRef } from '../adapters/postgres/published-reports.ts';
import { renderSvg } from '../adapters/vega/render.ts';
import type { ArtifactRef, ArtifactStore } from '../core/artifact.ts';
import { canonicalJson } from '../core/commit.ts';
import { PerennialError } from '../core/errors.ts';
import { numberIds } from '../core/report/escape.ts';
import { reportDocument } from '../core/report/html.ts';
import { type JudgedModel, modelRows } from '../core/report/model-rows.ts';
import { PublishedReport } from '../core/report/published.ts';
import { drawable, spansRow } from '../core/report/theme.ts';
import { type JsonRow, literal, type SqlSession } from '../core/sql.ts';
import type { TableName } from '../core/table.ts';
import { type Chart, type Page, type Row, type UseCase, useCaseNamed } from '../core/use-case.ts';
import type { CrashPoint, Deps } from './deps.ts';
import type { Frame } from './heartbeat.ts';
import type { PinnedLake } from './materialize.ts';

export interface PublishInput {
  readonly useCase: string;
  readonly source: string;
  /** Readable and unique; names the HTML file. */
  readonly run: string;
  /** End of knowledge, an ISO date. */
  readonly asOf: string;
  readonly pins: readonly { readonly table: TableName; readonly snapshot: number }[];
  readonly model?: JudgedModel;
  /** More facts for the head of the report. */
  readonly facts?: readonly { readonly label: string; readonly value: string }[];
}

export interface Published {
  readonly data: ArtifactRef;
  readonly html: ArtifactRef;
  readonly file: string;
  readonly snapshot: number;
  /** Each page's headline, for the terminal. */
  readonly headlines: readonly string[];
}

/** What publishing needs of the world. */
export interface Press {
  readonly env: string;
  readonly lake: PinnedLake;
  readonly useCases: readonly UseCase[];
  readonly artifacts: ArtifactStore;
  readonly reports: { record(report: PublishedReportRef): Promise<void> };
  readonly reportsFolder: string;
  readonly draw: (spec: Readonly<Record<string, unknown>>) => Promise<string>;
  readonly crash: CrashPoint;
}

type Step = Pick<Frame, 'signal' | 'onProgress'>;

export const pressOf = ({ settings, useCases, artifacts, crash, pool }: Deps, lake: PinnedLake): Press => ({
  env: settings.name,
  reportsFolder: settings.reports,
  lake,
  useCases,
  artifacts,
  reports: new PostgresPublishedReports(pool),
  crash,
  draw: renderSvg,
});

/** Runs, draws and keeps. The same pins give the same bytes, so publishing twice changes nothing. */
export const publishReport = async (press: Press, input: PublishInput, step: Step): Promise<Published> => {
  const useCase = useCaseNamed(press.useCases, input.useCase);
  const report = await compose(press, useCase, input, step);
  const document = reportDocument(report);
  const data = await press.artifacts.put(Buffer.from(canonicalJson(report)));
  const html = await press.artifacts.put(Buffer.from(document));
  const file = await writeWhole(press.reportsFolder, input.run, document);
  press.crash('after-write');
  const { snapshot, run } = report;
  await press.reports.record({
    useCase: useCase.name,
    run,
    snapshot,
    artifactSha256: data.sha256,
    htmlSha256: html.sha256,
  });
  press.crash('after-commit');
  return { data, html, file, snapshot, headlines: report.pages.flatMap(({ findings }) => findings.slice(0, 1)) };
};

const compose = async (press: Press, useCase: UseCase, input: PublishInput, step: Step): Promise<PublishedReport> => {
  const { db } = press.lake;
  await press.lake.pin(input.pins);
  await db.run(`set variable source = ${literal(input.source)}`);
  await db.run(`set variable as_of = ${literal(input.asOf)}::timestamp`);
  const extra = input.model ? modelRows(input.model) : {};
  const pages: PublishedReport['pages'] = [];
  for (const page of useCase.pages) {
    step.signal.throwIfAborted();
    pages.push(await publishPage(press, page, extra));
    step.onProgress({ stage: 'publish', done: pages.length, total: useCase.pages.length, unit: 'pages' });
  }
  return PublishedReport.parse({
    format: 1,
    useCase: useCase.name,
    title: useCase.title,
    env: press.env,
    run: input.run,
    asOf: input.asOf,
    snapshot: Math.max(0, ...input.pins.map(({ snapshot }) => snapshot)),
    pins: input.pins
      .map(({ table, snapshot }) => ({ table, snapshot }))
      .toSorted((a, b) => (a.table < b.table ? -1 : 1)),
    facts: [{ label: 'Source', value: input.source }, ...(input.facts ?? [])],
    pages,
  });
};

type Datasets = Readonly<Record<string, readonly Row[]>>;

const publishPage = async (press: Press, page: Page, extra: Datasets) => {
  const datasets: PublishedReport['pages'][number]['datasets'] = {};
  for (const [name, sql] of Object.entries(page.queries))
    datasets[name] = await queried(press.lake.db, page, name, sql);
  const known = { ...extra, ...datasets };
  for (const { query } of page.charts) datasets[query] ??= (known[query] ?? []).map((row) => ({ ...row }));
  const charts = [];
  for (const chart of page.charts) charts.push(await drawn(press, chart, known[chart.query] ?? []));
  const { name, title, question } = page;
  return { name, title, question, findings: [...page.findings(known)], charts, datasets };
};

const queried = (db: SqlSession, page: Page, name: string, sql: string): Promise<JsonRow[]> =>
  db.rows(sql).catch((cause: unknown) => {
    throw new PerennialError(
      'CONTRACT_BROKEN',
      `A page's query failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        field: `${page.name}.${name}`,
        mend: 'Align the query with the tables it reads, and pin those tables',
        cause,
      },
    );
  });

const drawn = async ({ draw }: Press, { title, query, spec }: Chart, rows: readonly Row[]) => ({
  title,
  query,
  full: spansRow(spec),
  ...(rows.length > 0 && {
    svg: {
      wide: numberIds(await draw(drawable(spec, rows, 'wide')), 'id'),
      narrow: numberIds(await draw(drawable(spec, rows, 'narrow')), 'id'),
    },
  }),
});

/** Writes beside, then renames: a reader never sees half a report. A run's name may hold what a file's may not. */
const writeWhole = async (folder: string, run: string, text: string): Promise<string> => {
  const file = path.join(folder, `${run.replace(/[^A-Za-z0-9_.-]+/g, '-').replace(/^\.+/, '')}.html`);
  const draft = path.join(folder, `.${randomUUID()}`);
  await mkdir(folder, { recursive: true });
  await writeFile(draft, text);
  await rename(draft, file);
  return file;
};
