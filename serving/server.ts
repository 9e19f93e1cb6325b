// A running API of one environment: the real tools wired to the app, champions watched, everything closed in order.
import { pino } from 'pino';
import { FolderArtifacts } from '../adapters/artifacts/folder.ts';
import { openOnnx } from '../adapters/onnx/session.ts';
import { listen } from '../adapters/postgres/listen.ts';
import { PostgresOnlineStore } from '../adapters/postgres/online-store.ts';
import { openPool } from '../adapters/postgres/pool.ts';
import { PostgresPublishedReports } from '../adapters/postgres/published-reports.ts';
import { PostgresRegistry } from '../adapters/postgres/registry.ts';
import { PostgresSignatures } from '../adapters/postgres/signatures.ts';
import { KeyFolder } from '../adapters/signing/key-folder.ts';
import type { UseCase } from '../core/use-case.ts';
import type { Environment } from '../environments/environment.ts';
import { useCases } from '../models/index.ts';
import { buildApp } from './app.ts';
import { ModelKeeper } from './keeper.ts';
import type { ServedModel } from './ports.ts';
import { publishedSource, registrySource } from './sources.ts';

export interface RunningApi {
  readonly url: string;
  close(): Promise<void>;
}

const POOL_SIZE = 10;
/** A request that waits longer for Postgres than this is answered 503. */
const STATEMENT_MS = 2_000;
const CHANNEL = 'perennial_alias';

/** Starts the API at the environment's address. It comes up without a model, and without Postgres, and says so in /health. */
export const startApi = async (environment: Environment): Promise<RunningApi> => {
  const { postgres, schema, artifacts: folder, name, api } = environment;
  const logger = pino({ name: 'serving', level: 'info' });
  const pool = openPool(postgres, { max: POOL_SIZE, schema, statementMs: STATEMENT_MS, connectMs: STATEMENT_MS });
  const artifacts = new FolderArtifacts(folder);
  const models = servedModels(useCases);
  const source = registrySource({
    environment: name,
    registry: new PostgresRegistry(pool),
    signatures: new PostgresSignatures(pool),
    keys: new KeyFolder(environment.keys, name),
    artifacts,
    open: (bytes) => openOnnx(bytes, { threads: 1 }),
  });
  const keeper = new ModelKeeper({ models, source, log: logger, now: Date.now });
  const app = await buildApp({
    environment: name,
    defaultModel: models[0]?.name ?? '',
    keeper,
    online: new PostgresOnlineStore(pool),
    reports: publishedSource(new PostgresPublishedReports(pool), artifacts),
    now: Date.now,
    logger: { level: 'warn' },
  });
  await keeper.start();
  const silence = listen(
    postgres,
    CHANNEL,
    () => void keeper.look(),
    (error) => logger.warn({ reason: error.message }, 'Not listening for promotions; polling goes on'),
  );
  const url = await app.listen({ host: api.host, port: api.port });
  logger.info({ url, environment: name, models: models.map((model) => model.name) }, 'The API answers');
  return {
    url,
    close: async () => {
      await app.close();
      await silence();
      await keeper.stop();
      await pool.end();
    },
  };
};

/** Every model of the catalogue, under its own name. */
export const servedModels = (catalogue: readonly UseCase[]): readonly ServedModel[] =>
  catalogue.flatMap(({ name: useCase, models }) =>
    models.map(({ name }) => ({ name, registered: `${useCase}/${name}`, useCase })),
  );
