// Fakes for serving's ports: a model whose answers are chosen, a store in memory, a report of one page.
import { PerennialError } from '../../core/errors.ts';
import type { Signature } from '../../core/model-package.ts';
import type { PublishedReport } from '../../core/report/published.ts';
import { type AppDeps, buildApp } from '../../serving/app.ts';
import { ModelKeeper } from '../../serving/keeper.ts';
import type {
  Champion,
  FeatureValues,
  LoadedModel,
  Log,
  ModelSource,
  OnlineFeatures,
  ServedModel,
} from '../../serving/ports.ts';
import { fakeAccess } from './fake-access.ts';

export const NOW = Date.parse('2025-05-02T10:00:00Z');
export const served: ServedModel = {
  name: 'propensity',
  registered: 'ecommerce-intelligence/propensity',
  useCase: 'ecommerce-intelligence',
};
export const quiet: Log = { info: () => undefined, warn: () => undefined };

export const signature: Signature = {
  format: 'perennial/signature/1',
  entity: 'user_id',
  features: [
    { name: 'recency_days', kind: 'numeric', description: 'Days since the last event' },
    { name: 'preferred_brand', kind: 'categorical', description: 'Most frequent brand' },
  ],
  categories: { preferred_brand: ['acme', 'zen'] },
  output: { name: 'propensity', meaning: 'buys within 30 days' },
  calibration: { slope: 1, intercept: 0 },
  windows: { observationDays: 92, gapDays: 0, labelDays: 30 },
};

export interface FakeModel extends LoadedModel {
  readonly closed: boolean;
}

/** A model that answers with `score`. */
export const fakeModel = (score: LoadedModel['score']): FakeModel => {
  const model = {
    signedBy: 'f'.repeat(16),
    view: 'features.customer_daily',
    signature,
    population: { recency_days: 20, preferred_brand: 'acme' },
    scorer: 'onnx (a fake)',
    score,
    scoreMany: (rows: readonly FeatureValues[]) => Promise.all(rows.map(score)),
    closed: false,
    close: async () => {
      model.closed = true;
    },
  };
  return model;
};

/** A registry in memory: `champion` is who holds the alias, `packages` what loading gives by hash. */
export class FakeSource implements ModelSource {
  holder: Champion | undefined;
  down = false;
  distrust = false;
  readonly loads: string[] = [];
  readonly packages = new Map<string, () => Promise<LoadedModel>>();

  promote(version: number, packageSha256: string, load: () => Promise<LoadedModel>): void {
    this.holder = { version, packageSha256 };
    this.packages.set(packageSha256, load);
  }
  async champion(): Promise<Champion | undefined> {
    if (this.down) throw new PerennialError('UNAVAILABLE', 'Postgres is away');
    return this.holder;
  }
  async trusted(): Promise<void> {
    if (this.distrust) throw new PerennialError('NOT_TRUSTED', 'The key was revoked');
  }
  async load(_model: string, { packageSha256 }: Champion): Promise<LoadedModel> {
    this.loads.push(packageSha256);
    const load = this.packages.get(packageSha256);
    if (load) return load();
    throw new PerennialError('UNKNOWN_NAME', 'No artifact has this hash');
  }
}

export const known: OnlineFeatures = {
  values: { recency_days: 3, preferred_brand: 'zen', not_in_the_model: 1 },
  eventTime: '2025-05-01T00:00:00.000Z',
  knownAt: '2025-05-01T06:00:00.000Z',
};

export const report: PublishedReport = {
  format: 1,
  useCase: 'ecommerce-intelligence',
  title: 'E-commerce <intelligence>',
  env: 'dev',
  run: 'run-1',
  asOf: '2025-05-01',
  snapshot: 41,
  pins: [{ table: 'gold.rfm', snapshot: 41 }],
  facts: [{ label: 'Source', value: 'clickstream' }],
  pages: [
    {
      name: 'overview',
      title: 'Overview',
      question: 'How is it going?',
      findings: ['Revenue grew 12 % & more.', 'A second finding.'],
      charts: [
        {
          title: 'Revenue "a day"',
          query: 'daily',
          full: true,
          svg: { wide: '<svg><text>w</text></svg>', narrow: '<svg/>' },
        },
        { title: 'Nothing', query: 'none', full: false },
      ],
      datasets: { daily: [{ day: '<img src=x onerror=alert(1)>', revenue: 1234.5 }], none: [] },
    },
    { name: 'customers', title: 'Customers', question: 'Who?', findings: ['Nobody yet.'], charts: [], datasets: {} },
  ],
};

/** An app over fakes with a model of version 7 that answers 0.25 to those it knows and 0.1 to all others. */
export const fakeApp = async (more: Partial<AppDeps> = {}) => {
  const source = new FakeSource();
  source.promote(7, 'a'.repeat(64), async () => fakeModel(async (v) => (v.preferred_brand === 'zen' ? 0.25 : 0.1)));
  const keeper = new ModelKeeper({ models: [served], source, log: quiet, now: () => NOW });
  await keeper.look();
  const app = await buildApp({
    environment: 'dev',
    defaultModel: 'propensity',
    keeper,
    online: {
      read: async (_view, entities) => new Map(entities.includes('123') ? [['123', known]] : []),
      reachable: async () => true,
    },
    reports: {
      latest: async (useCase, at = 99) =>
        useCase === report.useCase && at >= 41 ? { report, sha256: 'b'.repeat(64) } : undefined,
    },
    now: () => NOW,
    access: fakeAccess(),
    ...more,
  });
  return { app, keeper, source };
};
