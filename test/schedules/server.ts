// A Temporal server that a test may kill and start again on the same file, and a worker whose runs end at once.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { ensureSearchAttributes } from '../../adapters/temporal/namespace.ts';
import { findTemporal, probeTemporal, temporalServerArguments } from '../../adapters/temporal/server.ts';
import { searchPath } from '../../environments/environment.ts';
import { freePorts } from '../../workers/stack/ports.ts';
import { testEnvironment } from '../support/stack.ts';

export interface TestServer {
  /** Of the server that runs now. */
  readonly client: Client;
  kill(): Promise<void>;
  start(): Promise<void>;
  /** A worker on a queue, for workflows of type `empty`; ends when told to. */
  work(taskQueue: string): Promise<() => Promise<void>>;
  remove(): Promise<void>;
}

export const startServer = async (): Promise<TestServer> => {
  // A worker that is given a workflow it does not know complains; here that is meant.
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: 'ERROR' } },
  });
  const folder = mkdtempSync(path.join(tmpdir(), 'perennial-schedules-'));
  const [port = 0, uiPort = 0] = await freePorts(2);
  const address = `127.0.0.1:${port}`;
  const { cache, home } = await testEnvironment();
  const program = (await findTemporal(cache, searchPath())) ?? 'temporal';
  const place = { databaseFile: path.join(folder, 'temporal.db'), port, uiPort, namespaces: ['dev'] };
  const { code } = await bundleWorkflowCode({
    workflowsPath: path.join(import.meta.dirname, '../../bench/empty-workflow.ts'),
    logger: new DefaultLogger('ERROR'),
  });
  let process: ChildProcess | undefined;
  let client: Client | undefined;
  const server: TestServer = {
    get client() {
      if (!client) throw new Error('the server is down');
      return client;
    },
    async start() {
      process = spawn(program, temporalServerArguments(place), { stdio: 'ignore' });
      while (!(await answers(address))) await pause(100);
      await ensureSearchAttributes(address, 'dev');
      client = new Client({ connection: await Connection.connect({ address }), namespace: 'dev' });
    },
    async kill() {
      await client?.connection.close();
      client = undefined;
      const ended = process && once(process, 'exit');
      process?.kill('SIGKILL');
      await ended;
    },
    async work(taskQueue) {
      const connection = await NativeConnection.connect({ address });
      const worker = await Worker.create({ connection, namespace: 'dev', taskQueue, workflowBundle: { code } });
      const running = worker.run();
      return async () => {
        worker.shutdown();
        await running;
        await connection.close();
      };
    },
    async remove() {
      await server.kill();
      for (const place of [folder, home]) rmSync(place, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
};

const answers = (address: string): Promise<boolean> =>
  probeTemporal(address).then(
    () => true,
    () => false,
  );
