// The whole local stack on its real parts: started, asked, killed in turn, found again, stopped without a trace.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { extensionFiles } from '../../../adapters/duckdb/extensions.ts';
import { DuckDb, literal } from '../../../adapters/duckdb/session.ts';
import { probeMlflow } from '../../../adapters/mlflow/server.ts';
import { withConnection } from '../../../adapters/postgres/pool.ts';
import { ensureNamespaces, ensureSearchAttributes } from '../../../adapters/temporal/namespace.ts';
import { accountNames, environmentNames } from '../../../core/access.ts';
import { type Environment, siblingOf } from '../../../environments/environment.ts';
import {
  type PartName,
  partNames,
  purgeStack,
  setUp,
  stackStatus,
  startStack,
  stopStack,
} from '../../../workers/stack/index.ts';
import { isAlive, markOf, type ProcessMark } from '../../../workers/stack/processes.ts';
import { readRunFile } from '../../../workers/stack/run-file.ts';
import { queues } from '../../../workflows/names.ts';
import { generateWorld } from '../../support/product.ts';
import { startTestStack, type TestStack, testEnvironment } from '../../support/stack.ts';

const parts: readonly PartName[] = ['postgres', 'temporal', 'mlflow'];
let stack: TestStack;
let environment: Environment;

beforeAll(async () => {
  const first = await testEnvironment();
  await setUp(first);
  await purgeStack(first);
  stack = await startTestStack(parts);
  environment = stack.environment;
});
afterAll(() => stack?.stop());

const marks = async (): Promise<ProcessMark[]> => {
  const run = await readRunFile(environment.home);
  return [...(run ? [run.supervisor] : []), ...(run?.parts ?? []).flatMap((part) => part.process ?? [])];
};
const markOfPart = async (name: PartName): Promise<ProcessMark> => {
  const mark = (await readRunFile(environment.home))?.parts.find((part) => part.name === name)?.process;
  if (mark === undefined) throw new Error(`${name} has no process`);
  return mark;
};
const untilUp = async (): Promise<void> => {
  for (let tries = 0; tries < 300; tries += 1) {
    if ((await stackStatus(environment)).state === 'up') return;
    await sleep(200);
  }
  throw new Error(JSON.stringify(await stackStatus(environment), null, 1));
};

describe('a running stack', () => {
  it('answers on every part', async () => {
    const status = await stackStatus(environment);
    expect(status.state).toBe('up');
    expect(status.parts.map(({ part }) => part)).toEqual(['supervisor', ...parts]);
    for (const part of status.parts) expect(part.memoryBytes).toBeGreaterThan(1_000_000);
    expect(await probeMlflow(environment.mlflow.url)).toBe('3.17.2');
  });

  it('has every migration in the environment’s own schema', async () => {
    const { rows } = await withConnection(environment.owner, (client) =>
      client.query<{ n: number }>('select count(*)::int as n from dev.migrations'),
    );
    expect(rows[0]?.n).toBeGreaterThan(0);
  });

  it('refuses a wrong password: trust is not how it lets us in', async () => {
    const wrong = { ...environment.postgres, password: 'wrong' };
    await expect(withConnection(wrong, (client) => client.query('select 1'))).rejects.toThrow(
      /password authentication failed/,
    );
  });

  it('has three namespaces with the product’s search attributes, made once', async () => {
    const { address } = environment.temporal;
    expect(await ensureNamespaces(address, ['dev', 'staging', 'prod'], 7)).toEqual([]);
    for (const namespace of ['dev', 'staging', 'prod'])
      expect(await ensureSearchAttributes(address, namespace)).toEqual([]);
    await expect(ensureSearchAttributes(address, 'dev', { PerennialStage: 'Int' })).rejects.toThrow(/PerennialStage/);
    expect(await ensureNamespaces(address, ['another'], 1)).toEqual(['another']);
    const connection = await Connection.connect({ address });
    const { config } = await connection.workflowService.describeNamespace({ namespace: 'another' });
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(86_400);
    await connection.close();
  });

  it('keeps every password out of its run file and logs', async () => {
    const secrets = new RegExp(
      Object.values(environment.accounts)
        .map(({ password }) => password)
        .join('|'),
    );
    for (const file of [
      'run/stack.json',
      'logs/postgres.log',
      'logs/mlflow.log',
      'logs/temporal.log',
      'logs/supervisor.log',
    ]) {
      expect(await readFile(`${environment.home}/${file}`, 'utf8')).not.toMatch(secrets);
    }
  });

  it('loads the pinned DuckDB extensions against it', async () => {
    const db = await DuckDb.open({ ...environment.duckdb, tempDirectory: `${environment.home}/tmp/extensions` });
    const { postgres, ducklake, httpfs } = await extensionFiles(environment.venv);
    for (const file of [postgres, ducklake, httpfs]) await db.run(`load ${literal(file)}`);
    const loaded = await db.rows('select extension_name from duckdb_extensions() where loaded order by 1');
    expect(loaded.map((row) => row.extension_name)).toEqual(
      expect.arrayContaining(['ducklake', 'httpfs', 'postgres_scanner']),
    );
    db.close();
  });
});

describe('a second `up`', () => {
  it('reuses what runs', async () => {
    const before = await marks();
    const again = await startStack(environment, { parts });
    expect(again.reused).toBe(true);
    expect(await marks()).toEqual(before);
  });

  it('says so where the running stack lacks a part', async () => {
    await expect(startStack(environment, { parts: [...parts, 'worker'] })).rejects.toThrow(/without worker/);
  });

  it('names a taken port and its setting', async () => {
    const other = await testEnvironment();
    const blocker = createServer().listen(other.ports.temporalUi, '127.0.0.1');
    await expect(startStack(other, { parts: ['temporal'] })).rejects.toThrow(/PERENNIAL_PORT_TEMPORAL_UI/);
    blocker.close();
    await purgeStack(other);
  });
});

describe('a crash', () => {
  it.each(parts)('of %s is mended by the supervisor', async (name) => {
    const before = await markOfPart(name);
    process.kill(before.pid, 'SIGKILL');
    while (await isAlive(before)) await sleep(20);
    await untilUp();
    expect((await markOfPart(name)).pid).not.toBe(before.pid);
    expect((await stackStatus(environment)).parts.find(({ part }) => part === name)?.restarts).toBe(1);
  });

  it('of the supervisor leaves a stale file, which the next `up` heals', async () => {
    const before = await marks();
    const [supervisor] = before;
    process.kill(supervisor?.pid ?? 0, 'SIGKILL');
    while (await isAlive(supervisor)) await sleep(20);
    expect((await stackStatus(environment)).state).toBe('down');
    const again = await startStack(environment, { parts, owner: process.pid });
    expect(again.reused).toBe(false);
    for (const mark of before) expect(await isAlive(mark)).toBe(false);
    expect((await stackStatus(environment)).state).toBe('up');
  });
});

describe('a part that cannot come up', () => {
  it('is reported with the end of its log, and nothing is left running', async () => {
    const broken = await testEnvironment({ PERENNIAL_VENV: '/nonexistent' });
    await expect(startStack(broken, { parts: ['postgres', 'mlflow'] })).rejects.toThrow(/mlflow did not come up/);
    const run = await readRunFile(broken.home);
    expect(run?.state).toBe('failed');
    for (const part of run?.parts ?? []) expect(part.process).toBeUndefined();
    expect(await stopStack(broken)).toBe('nothing ran');
    await purgeStack(broken);
  });
});

describe('down', () => {
  it('leaves no process and keeps the data', async () => {
    await withConnection(environment.owner, (client) => client.query('create table kept (n int)'));
    const before = await marks();
    expect(before).toHaveLength(4);
    expect(await stopStack(environment)).toBe('stopped');
    for (const mark of before) expect(await markOf(mark.pid)).toBeUndefined();
    expect(await stopStack(environment)).toBe('nothing ran');
    await startStack(environment, { parts: ['postgres'], owner: process.pid });
    await withConnection(environment.owner, (client) => client.query('insert into kept values (1)'));
  });
});

describe('up for all three environments', () => {
  const [all, everyPart] = [environmentNames, partNames];
  const environments = () => all.map((name) => siblingOf(environment, name));
  const authorised = async (): Promise<readonly string[]> => {
    const log = await readFile(`${environment.home}/logs/postgres.log`, 'utf8');
    const since = log.slice(log.lastIndexOf('parameter "log_connections" changed'));
    return [...since.matchAll(/connection authorized: user=(\w+)/g)].map(([, user = '']) => user);
  };

  it('serves each by its own API and its own workers', async () => {
    await stopStack(environment);
    await startStack(environment, { parts: everyPart, environments: all, owner: process.pid });
    const status = await stackStatus(environment);
    expect([status.state, status.environments]).toEqual(['up', all]);
    const connection = await Connection.connect({ address: environment.temporal.address });
    for (const { name, api, temporal } of environments()) {
      const health = await (await fetch(`${api.url}/health`)).json();
      expect(health).toMatchObject({ environment: name });
      const polled = await connection.workflowService.describeTaskQueue({
        namespace: temporal.namespace,
        taskQueue: { name: queues.compute },
        taskQueueType: 2,
      });
      expect(polled.pollers).toHaveLength(1);
    }
    await connection.close();
  });

  it('works in each as its own service, and nobody comes as the owner or another superuser', async () => {
    await withConnection(environment.owner, async (client) => {
      await client.query(`alter system set log_connections = 'authorization'`);
      await client.query('select pg_reload_conf()');
    });
    const world = await generateWorld(environment.home, 2_000);
    const connection = await Connection.connect({ address: environment.temporal.address });
    const input = { useCase: 'ecommerce-intelligence', path: world.path, source: 'clickstream' };
    const ingested = environments().map(({ name, temporal }) =>
      new Client({ connection, namespace: temporal.namespace }).workflow.execute('ingest', {
        workflowId: `ingest-${name}`,
        taskQueue: queues.light,
        args: [input],
      }),
    );
    for (const { loaded } of await Promise.all(ingested)) expect(loaded).toBeGreaterThan(1_000);
    await connection.close();
    expect((await stackStatus(environment)).state).toBe('up');
    const came = new Set(await authorised());
    for (const name of all) expect(came).toContain(`perennial_${name}_service`);
    for (const user of came) expect(user).toMatch(/^perennial_(dev_service|staging_service|prod_service|mlflow)$/);
    const { rows } = await withConnection(environment.owner, (client) =>
      client.query(`select usename from pg_stat_activity join pg_roles on rolname = usename
        where backend_type = 'client backend' and pid <> pg_backend_pid() and (rolsuper or rolcreaterole or rolcreatedb or rolname = current_user)`),
    );
    expect(rows).toEqual([]);
  });

  it('hands its worker and API the passwords of the three services alone', async () => {
    const run = await readRunFile(environment.home);
    for (const name of ['worker', 'api'] as const) {
      const pid = run?.parts.find((part) => part.name === name)?.process?.pid;
      if (process.platform !== 'linux') return;
      const variables = await readFile(`/proc/${pid}/environ`, 'utf8');
      const told = accountNames.filter((account) => variables.includes(environment.accounts[account].password));
      expect(told).toEqual(['dev_service', 'staging_service', 'prod_service']);
    }
  });
});
