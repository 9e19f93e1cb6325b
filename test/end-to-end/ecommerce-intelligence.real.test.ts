// One use case from files to a served prediction, on real parts; then again, and again with the world half switched off.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { tsToMs } from '@temporalio/common/lib/time.js';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MlflowClient } from '../../adapters/mlflow/client.ts';
import { setVersionTag } from '../../adapters/mlflow/models.ts';
import type { RunSummary } from '../../core/run.ts';
import { childVariables, settingsOf } from '../../environments/environment.ts';
import { queues } from '../../workflows/names.ts';
import { openTestLake } from '../support/lake.ts';
import { generateWorld, type Product, startProduct, type World } from '../support/product.ts';

let product: Product;
let world: World;
let first: RunSummary;

beforeAll(async () => {
  product = await startProduct();
  world = await generateWorld(product.environment.home, 200_000);
  first = await product.run('first', { path: world.path, source: 'clickstream', truth: world.truth });
}, 600_000);
afterAll(async () => product?.stop());

const predict = async (entity: string): Promise<{ status: number; body: Record<string, unknown> }> => {
  const response = await fetch(`${product.environment.api.url}/predict/propensity/${entity}`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
/** Whoever the champion deems likeliest to buy. */
const likeliest = async (): Promise<string> => {
  const { lake, close } = await openTestLake(product.environment);
  const [row] = await lake.db.rows(
    'select user_id::varchar as id from lake.gold.propensity_scores where rank = 1 order by user_id limit 1',
  );
  await close();
  return String(row?.id);
};
const until = async (condition: () => Promise<boolean>): Promise<void> => {
  for (let i = 0; i < 120; i += 1) {
    if (await condition().catch(() => false)) return;
    await new Promise((next) => setTimeout(next, 250));
  }
  throw new Error('waited 30 s in vain');
};

describe('the first run', () => {
  it('accounts for every row', () => {
    expect(first.ingest).toMatchObject({ rowsIn: world.rows, loaded: world.rows, quarantined: 0, refused: [] });
  });

  it('beats the rule and stays below the ceiling, within chance', () => {
    const metrics = first.models[0]?.metrics ?? {};
    expect(metrics.roc_auc).toBeGreaterThan(metrics.baseline_roc_auc ?? 1);
    expect(metrics.roc_auc).toBeLessThan((metrics.oracle_roc_auc_high ?? 0) + 0.02);
    expect(first.models[0]).toMatchObject({ version: 1, created: true, champion: true });
  });

  it('shows its progress, its page and its children in Temporal', async () => {
    const progress = await product.client.workflow
      .getHandle('first')
      .query<{ stages: { name: string; state: string }[] }, []>('progress');
    expect(progress.stages.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'ingest done',
      'plan done',
      'transform done',
      'train done',
      'score done',
      'report done',
    ]);
    const { searchAttributes } = await product.client.workflow.getHandle('first').describe();
    expect(searchAttributes).toMatchObject({
      PerennialUseCase: ['ecommerce-intelligence'],
      PerennialOutcome: ['completed'],
    });
  });

  it('computes the next table while one is being committed', async () => {
    const { events } = await product.client.workflow.getHandle('first/transform').fetchHistory();
    const started = new Map<string, number>();
    const steps: { from: number; to: number }[] = [];
    for (const {
      eventTime,
      activityTaskStartedEventAttributes: start,
      activityTaskCompletedEventAttributes: end,
    } of events ?? []) {
      if (start) started.set(String(start.scheduledEventId), tsToMs(eventTime));
      if (end) steps.push({ from: started.get(String(end.scheduledEventId)) ?? 0, to: tsToMs(eventTime) });
    }
    const beside = steps.map(({ from, to }) => steps.filter((other) => other.from > from && other.from < to).length);
    expect(beside.filter((count) => count > 0).length).toBeGreaterThan(steps.length / 3);
  });

  it('writes one self-contained report', () => {
    const html = readFileSync(first.report, 'utf8');
    expect(html).toContain('<svg');
    expect(html).not.toMatch(/(src|href)="https?:/);
  });

  it('serves the champion', async () => {
    const { lake, close } = await openTestLake(product.environment);
    const [likeliest] = await lake.db.rows(
      'select user_id::varchar as id, probability from lake.gold.propensity_scores where rank = 1 order by user_id limit 1',
    );
    await close();
    await until(async () => (await predict(String(likeliest?.id))).status === 200);
    const { body } = await predict(String(likeliest?.id));
    expect(body).toMatchObject({ version: 1, cold_start: false });
    expect(body.probability).toBeCloseTo(Number(likeliest?.probability), 12);
  });
});

describe('the second run', () => {
  it('finds everything and computes nothing', async () => {
    const second = await product.run('second', { path: world.path, source: 'clickstream', truth: world.truth });
    expect(second.steps.ran).toBe(0);
    expect(second.steps.reused).toBe(first.steps.ran);
    expect(second.ingest).toMatchObject({ rowsIn: 0, loaded: 0 });
    expect(second.models[0]).toMatchObject({ version: 1, created: false });
  });
});

describe('the champion', () => {
  const perennial = async (...args: string[]) => {
    const { root } = product.environment;
    const env = childVariables(settingsOf(product.environment));
    const ran = await execa('node', ['cli/perennial.mjs', ...args, '--json'], {
      cwd: root,
      env,
      extendEnv: false,
      reject: false,
    });
    return { exit: ran.exitCode, answer: JSON.parse(ran.stdout) };
  };

  it('is signed, and every byte of it is what was signed', async () => {
    const { exit, answer } = await perennial('verify', 'ecommerce-intelligence/propensity');
    expect([exit, answer.verified, answer.version]).toEqual([0, true, 1]);
    const { answer: keyring } = await perennial('keys');
    const served = (await (await fetch(`${product.environment.api.url}/models`)).json()) as { models: unknown[] };
    expect(served.models).toContainEqual(expect.objectContaining({ version: 1, signed_by: keyring.current }));
  });

  it('can be asked why it answered so, down to the line of a file, before and after the record went to the lake', async () => {
    const entity = await likeliest();
    const { body } = await predict(`${entity}?explain=true`);
    const reasons = body.reasons as {
      expected_value: number;
      raw_score: number;
      contributions: { contribution: number }[];
    };
    const sum = reasons.contributions.reduce((total, { contribution }) => total + contribution, reasons.expected_value);
    expect(sum).toBeCloseTo(reasons.raw_score, 6);
    const why = () => perennial('why', String(body.prediction_id));
    await until(async () => (await why()).exit === 0);
    const { answer: before } = await why();
    expect(before).toMatchObject({
      recordedIn: 'postgres',
      prediction: { entity, probability: body.probability, featureTime: body.feature_time, features: body.features },
      features: { table: 'features.customer_daily', by: 'first/transform' },
      lines: { table: 'bronze.clickstream' },
      model: { version: 1, run: expect.any(String), signature: { verified: true } },
      approval: { champion: { by: 'first/train/propensity' } },
    });
    const [newest] = before.lines.newest;
    const text = readFileSync(path.join(path.dirname(world.path), newest.file), 'utf8').split('\n')[newest.line - 1];
    expect(text).toContain(newest.eventTime);
    expect(text).toContain(entity);
    const asked = { workflowId: 'collect', taskQueue: queues.light, args: [{}] };
    const collected = await product.client.workflow.execute('collectPredictions', asked);
    expect(collected).toMatchObject({ rows: expect.any(Number), batches: 1 });
    const { answer: after } = await why();
    expect(after).toEqual({ ...before, recordedIn: 'lake' });
  });

  it('is what MLflow shows: what somebody changes there is set back and told by the exit code', async () => {
    expect(await perennial('reconcile')).toMatchObject({ exit: 0, answer: { status: 'consistent', versions: 1 } });
    const mlflow = new MlflowClient(product.environment.mlflow.url);
    const name = 'dev.ecommerce_intelligence.propensity';
    await setVersionTag(mlflow, name, '1', { key: 'perennial.gates', value: 'passed, honestly' });
    expect(await perennial('reconcile', '--dry-run')).toMatchObject({ exit: 3, answer: { dryRun: true, handMade: 1 } });
    expect(await perennial('reconcile')).toMatchObject({
      exit: 3,
      answer: { status: 'hand-made changes', handMade: 1 },
    });
    expect(await perennial('reconcile')).toMatchObject({ exit: 0, answer: { status: 'consistent' } });
  });
});

describe('an input that makes no sense', () => {
  it('is refused with every problem and an example', async () => {
    const wrong = product.run('wrong', { asOf: 'tomorrow', seed: -1 });
    await expect(wrong).rejects.toMatchObject({ cause: { cause: { type: 'INVALID_INPUT' } } });
    await wrong.catch((error: { cause: { cause: Error } }) =>
      expect(error.cause.cause.message).toMatch(/asOf.*seed.*A valid input/s),
    );
  });
});

describe('when Temporal and MLflow are gone', () => {
  it('the API still answers', async () => {
    await product.freeze(['temporal', 'mlflow', 'worker']);
    const { status, body } = await predict('no-such-customer');
    expect(status).toBe(200);
    expect(body).toMatchObject({ cold_start: true, version: 1 });
  });
});
