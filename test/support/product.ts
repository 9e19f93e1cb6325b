// The whole product in a home of its own, driven the way people drive it: for end-to-end and crash tests.
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { generateEvents } from '../../activities/generate.ts';
import type { RunInput, RunSummary } from '../../core/run.ts';
import type { TableName } from '../../core/table.ts';
import { type PartName, partNames, stackStatus } from '../../workers/stack/index.ts';
import { queues } from '../../workflows/names.ts';
import { openTestLake } from './lake.ts';
import { startTestStack, type TestStack } from './stack.ts';

export interface Product extends TestStack {
  readonly client: Client;
  /** Runs a use case to its end. */
  run(workflowId: string, input: RunInput): Promise<RunSummary>;
  /** Freezes parts of the stack, so that they hang rather than refuse; `stop` thaws them. */
  freeze(parts: readonly PartName[]): Promise<void>;
  /** Resolves once so many answers, of all there ever were, have left the API's memory. */
  predictionsLogged(count: number): Promise<void>;
  /** Fingerprint of every table at its head, without what differs by the wall clock. */
  digests(): Promise<Readonly<Record<string, string>>>;
}

export const startProduct = async (
  settings: Parameters<typeof startTestStack>[1] = {},
  options: Parameters<typeof startTestStack>[2] = {},
): Promise<Product> => {
  const stack = await startTestStack(['postgres', 'temporal', 'mlflow', 'worker', 'api'], settings, options);
  const { environment } = stack;
  const connection = await Connection.connect({ address: environment.temporal.address });
  const client = new Client({ connection, namespace: environment.temporal.namespace });
  const signal = async (name: 'SIGSTOP' | 'SIGCONT', parts: readonly PartName[]) => {
    const status = await stackStatus(environment);
    for (const { part, pid } of status.parts) if (pid && parts.includes(part as PartName)) process.kill(pid, name);
  };
  return {
    ...stack,
    client,
    freeze: (parts) => signal('SIGSTOP', parts),
    run: (workflowId, input) =>
      client.workflow.execute<(given: RunInput) => Promise<RunSummary>>('run', {
        workflowId,
        taskQueue: queues.light,
        args: [input],
      }),
    predictionsLogged: async (count) => {
      const written = async (): Promise<number> => {
        const health = await fetch(`${environment.api.url}/health`);
        return ((await health.json()) as { prediction_log?: { written: number } }).prediction_log?.written ?? 0;
      };
      for (let tries = 0; (await written()) < count; tries += 1) {
        if (tries === 240) throw new Error('the log of predictions was not written within a minute');
        await new Promise((next) => setTimeout(next, 250));
      }
    },
    digests: async () => {
      const { lake, close } = await openTestLake(environment);
      const names = await lake.db.rows(
        `select schema_name || '.' || table_name as name from duckdb_tables() where database_name = 'lake' order by 1`,
      );
      const found: Record<string, string> = {};
      for (const { name } of names) {
        const table = String(name) as TableName;
        const head = await lake.head(table);
        if (head) found[table] = await lake.digest(table, head.snapshot);
      }
      await close();
      return found;
    },
    stop: async () => {
      await signal('SIGCONT', partNames);
      await connection.close();
      await stack.stop();
    },
  };
};

export interface World {
  readonly path: string;
  readonly truth: string;
  readonly rows: number;
}

/** A small generated shop; the same for every test that asks for the same size. */
export const generateWorld = async (home: string, rows: number): Promise<World> => {
  const out = path.join(home, `world-${rows}`);
  await generateEvents(
    { rows, seed: 42, out, format: 'csv' },
    { signal: new AbortController().signal, onProgress: () => undefined },
  );
  return { path: path.join(out, 'events-*.csv'), truth: path.join(out, 'truth'), rows };
};
