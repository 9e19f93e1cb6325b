// The REST adapter on a real MLflow: each verb done twice leaves one thing, refusals come as codes, and no path leaves its folder.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { putArtifact } from '../../../adapters/mlflow/artifacts.ts';
import { MlflowClient, MlflowError } from '../../../adapters/mlflow/client.ts';
import * as experiments from '../../../adapters/mlflow/experiments.ts';
import * as models from '../../../adapters/mlflow/models.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';

let stack: TestStack;
let mlflow: MlflowClient;
let experimentId: string;
const T0 = 1_700_000_000_000;

beforeAll(async () => {
  stack = await startTestStack(['postgres', 'mlflow']);
  mlflow = new MlflowClient(stack.environment.mlflow.url);
  experimentId = await experiments.ensureExperiment(mlflow, '/dev/shop/propensity');
});
afterAll(() => stack?.stop());

const runRequest = (key: string) => ({
  experimentId,
  key,
  name: key,
  startedAt: T0,
  tags: { 'mlflow.user': 'perennial' },
});
const modelRequest = (runId: string, key: string) => ({
  experimentId,
  runId,
  key,
  name: 'propensity',
  params: { rounds: '100' },
});
const get = <T>(path: string, fields: Record<string, string>, schema: z.ZodType<T>) =>
  mlflow.call('GET', path, fields, schema);

describe('experiments and runs', () => {
  it('are found by name and key, not made twice', async () => {
    const ids = await Promise.all(
      Array.from({ length: 8 }, () => experiments.ensureExperiment(mlflow, '/dev/shop/race')),
    );
    expect(new Set(ids).size).toBe(1);
    const first = await experiments.ensureRun(mlflow, runRequest('k1'));
    expect(await experiments.ensureRun(mlflow, runRequest('k1'))).toEqual(first);
    expect((await experiments.ensureRun(mlflow, runRequest('k2'))).runId).not.toBe(first.runId);
  });

  it('take batches of any size, and the same batch again adds nothing', async () => {
    const { runId } = await experiments.ensureRun(mlflow, runRequest('batch'));
    const metrics = Array.from({ length: 1_900 }, (_, step) => ({ key: 'auc', value: step / 7, timestamp: T0, step }));
    const params = Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`p${i}`, 'v'.repeat(7_000)]));
    const tags = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`t${i}`, 'v'.repeat(9_000)]));
    for (const _ of [1, 2]) await experiments.logBatch(mlflow, runId, { metrics, params, tags });
    const History = z.object({ metrics: z.array(z.object({ step: z.number() })) });
    const history = await get(
      'metrics/get-history',
      { run_id: runId, metric_key: 'auc', max_results: '5000' },
      History,
    );
    expect(history.metrics).toHaveLength(1_900);
  });

  it('refuse a changed parameter by its code', async () => {
    const { runId } = await experiments.ensureRun(mlflow, runRequest('param'));
    await experiments.logBatch(mlflow, runId, { params: { seed: '1' } });
    const changed = experiments.logBatch(mlflow, runId, { params: { seed: '2' } });
    await expect(changed).rejects.toMatchObject({ code: 'INVALID_INPUT', errorCode: 'INVALID_PARAMETER_VALUE' });
  });

  it('name their data once', async () => {
    const { runId } = await experiments.ensureRun(mlflow, runRequest('data'));
    const schema = JSON.stringify({ mlflow_colspec: [{ type: 'double', name: 'a', required: true }] });
    const data = {
      name: 'features.customer_daily',
      digest: 'd'.repeat(36),
      sourceType: 'ducklake',
      source: '{}',
      schema,
      profile: '{}',
    };
    for (const _ of [1, 2]) await experiments.logDataset(mlflow, runId, { ...data, context: 'training' });
    const Inputs = z.object({
      run: z.object({
        inputs: z.object({ dataset_inputs: z.array(z.unknown()) }),
        info: z.object({ status: z.string() }),
      }),
    });
    await experiments.finishRun(mlflow, runId, T0);
    const { run } = await get('runs/get', { run_id: runId }, Inputs);
    expect([run.inputs.dataset_inputs.length, run.info.status]).toEqual([1, 'FINISHED']);
  });
});

describe('models', () => {
  it('go from run to alias, each verb twice, and leave one of each', async () => {
    const { runId } = await experiments.ensureRun(mlflow, runRequest('path'));
    const logged = await models.ensureLoggedModel(mlflow, modelRequest(runId, 'path'));
    expect(await models.ensureLoggedModel(mlflow, modelRequest(runId, 'path'))).toEqual(logged);
    for (const _ of [1, 2]) await putArtifact(mlflow, logged.artifactUri, 'MLmodel', 'flavors: {}\n');
    for (const _ of [1, 2]) await models.finishLoggedModel(mlflow, runId, logged.modelId);
    const name = models.registeredName('dev', 'my-shop', 'propensity');
    expect(name).toBe('dev.my_shop.propensity');
    expect(await models.getAlias(mlflow, name, 'champion')).toBeUndefined();
    for (const _ of [1, 2]) await models.ensureRegisteredModel(mlflow, name, 'x'.repeat(9_000));
    expect(await models.getAlias(mlflow, name, 'champion')).toBeUndefined();
    const request = {
      name,
      key: 'path',
      modelId: logged.modelId,
      runId,
      description: '# card\n'.repeat(2_000),
      tags: {},
    };
    expect([
      await models.ensureModelVersion(mlflow, request),
      await models.ensureModelVersion(mlflow, request),
    ]).toEqual(['1', '1']);
    for (const _ of [1, 2]) await models.setAlias(mlflow, name, 'champion', '1');
    expect(await models.getAlias(mlflow, name, 'champion')).toBe('1');
    await models.setVersionTag(mlflow, name, '1', { key: 'gates', value: 'passed' });
    await models.updateDescription(mlflow, name, '1', '# another');
    const Found = z.object({
      model_version: z.object({
        description: z.string(),
        tags: z.array(z.object({ key: z.string(), value: z.string() })),
      }),
    });
    const { model_version } = await get('model-versions/get', { name, version: '1' }, Found);
    expect(model_version.description).toBe('# another');
    expect(model_version.tags).toContainEqual({ key: 'gates', value: 'passed' });
  });

  it('agree on one version when eight make it at once', async () => {
    const { runId } = await experiments.ensureRun(mlflow, runRequest('rivals'));
    const { modelId } = await models.ensureLoggedModel(mlflow, modelRequest(runId, 'rivals'));
    await models.ensureRegisteredModel(mlflow, 'dev.shop.rivals', '');
    const request = { name: 'dev.shop.rivals', key: 'rivals', modelId, runId, description: '', tags: {} };
    const versions = await Promise.all(Array.from({ length: 8 }, () => models.ensureModelVersion(mlflow, request)));
    const Found = z.object({ model_versions: z.array(z.object({ version: z.string() })) });
    const { model_versions } = await get('model-versions/search', { filter: "name = 'dev.shop.rivals'" }, Found);
    expect(model_versions.map(({ version }) => version)).toEqual([...new Set(versions)]);
  });

  it.each(['latest', 'v1', 'a.b', 'Champion', ''])('take no alias %j', async (alias) => {
    await expect(models.setAlias(mlflow, 'dev.my_shop.propensity', alias, '1')).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
  });
});

describe('putArtifact', () => {
  it.each([
    '../x',
    'a/../../x',
    '..',
    '/etc/x',
    'a//b',
    'a%2e%2e/b',
    'a\\..\\b',
    'a?b',
    'a#b',
    'a;b',
    '.hidden',
    'a/',
    '',
  ])('refuses %j', async (path) => {
    await expect(putArtifact(mlflow, 'mlflow-artifacts:/1/x/artifacts', path, 'x')).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
  });

  it.each(['file:///tmp', 'mlflow-artifacts:/../x', 'mlflow-artifacts://evil/x', 's3://b/x', ''])(
    'refuses the root %j',
    async (root) => {
      await expect(putArtifact(mlflow, root, 'a.txt', 'x')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    },
  );
});

describe('errors', () => {
  it('come as MLflow names them', async () => {
    const missing = get('runs/get', { run_id: 'nope' }, z.unknown());
    await expect(missing).rejects.toBeInstanceOf(MlflowError);
    await expect(missing).rejects.toMatchObject({ code: 'UNKNOWN_NAME', errorCode: 'RESOURCE_DOES_NOT_EXIST' });
  });

  it('say that an answer is not understood, that nobody answers, and that an answer is late', async () => {
    await expect(get('experiments/get', { experiment_id: '0' }, z.object({ gone: z.string() }))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    await expect(new MlflowClient('http://127.0.0.1:1').call('GET', 'x', {}, z.unknown())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    const silent = await listening(() => undefined);
    const late = new MlflowClient(silent.url, { timeoutMs: 50 }).call('GET', 'x', {}, z.unknown());
    await expect(late).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await silent.close();
  });

  it('survive an answer in HTML, and follow no redirection', async () => {
    const html = await listening((_, response) => response.writeHead(502).end('<h1>Bad gateway</h1>'));
    const broken = new MlflowClient(html.url).call('GET', 'x', {}, z.unknown());
    await expect(broken).rejects.toMatchObject({ code: 'UNAVAILABLE', errorCode: 'NO_ERROR_CODE' });
    await html.close();
    const elsewhere = await listening((_, response) => response.writeHead(302, { location: mlflow.url }).end());
    await expect(new MlflowClient(elsewhere.url).call('GET', 'x', {}, z.unknown())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    await elsewhere.close();
  });

  it('end with the caller', async () => {
    await expect(mlflow.until(AbortSignal.abort()).call('GET', 'x', {}, z.unknown())).rejects.toThrow(/abort/i);
  });
});

const listening = async (answer: Parameters<typeof createServer>[1]) => {
  const server: Server = createServer(answer ?? (() => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { url: `http://127.0.0.1:${port}`, close };
};
