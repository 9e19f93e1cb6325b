// The end of a run: its report, published from the tables that the run itself pinned, and the few figures people ask for first.
import type { ArtifactRef } from '../core/artifact.ts';
import type { Pin } from '../core/commit.ts';
import { parseEvaluation, parseManifest } from '../core/model-package.ts';
import type { Moments } from '../core/plan.ts';
import type { IngestSummary, ModelSummary } from '../core/run.ts';
import type { Deps } from './deps.ts';
import { framed } from './heartbeat.ts';
import { type OpenLake, withLake } from './lake-session.ts';
import { readPlan } from './plan.ts';
import { pressOf, publishReport } from './publish.ts';

export interface ReportRequest {
  readonly plan: ArtifactRef;
  readonly moments: Moments;
  readonly pins: readonly Pin[];
  readonly models: readonly ModelSummary[];
  readonly ingest: IngestSummary | null;
}

export interface RunReport {
  /** The HTML file. */
  readonly file: string;
  readonly headlines: readonly string[];
  /** Customers by segment, the largest first; empty where the use case has none. */
  readonly segments: Readonly<Record<string, number>>;
}

export const createReportActivities = (deps: Deps) => ({
  reportRun: (request: ReportRequest): Promise<RunReport> =>
    framed(deps.crash, async (frame) => {
      const plan = await readPlan(deps, request.plan);
      const [model] = request.models;
      return withLake(deps, frame.signal, async (lake) => {
        const published = await publishReport(
          pressOf(deps, lake),
          {
            useCase: plan.useCase,
            source: plan.source,
            run: `${plan.useCase}-${plan.source}-${request.moments.asOf}`,
            asOf: request.moments.asOf,
            pins: request.pins,
            ...(model === undefined ? {} : { model: await judgedModel(deps, model) }),
          },
          frame,
        );
        return { file: published.file, headlines: published.headlines, segments: await segments(lake, request.pins) };
      });
    }),
});

const judgedModel = async ({ artifacts }: Deps, { model, version, package: ref }: ModelSummary) => {
  const manifest = parseManifest(await artifacts.get(ref.sha256));
  const metrics = manifest.files.find(({ path }) => path === 'metrics.json')?.sha256 ?? '';
  return { name: model, version, evaluation: parseEvaluation(await artifacts.get(metrics)) };
};

const segments = async (lake: OpenLake, pins: readonly Pin[]): Promise<Record<string, number>> => {
  if (!pins.some(({ table }) => table === 'gold.rfm')) return {};
  const rows = await lake.db.rows(
    'select segment, count(*)::integer as customers from gold.rfm group by segment order by customers desc, segment',
  );
  return Object.fromEntries(rows.map(({ segment, customers }) => [String(segment), Number(customers)]));
};
