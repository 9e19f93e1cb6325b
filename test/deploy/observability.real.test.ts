// The dashboard and the alert rules name only what the processes really tell, and traces run from whoever starts a workflow to its steps:
// a real API and a real worker are scraped, a real collector receives.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { connect } from '../../cli/temporal-client.ts';
import { childVariables, settingsOf } from '../../environments/environment.ts';
import { freePorts } from '../../workers/stack/ports.ts';
import { queues } from '../../workflows/names.ts';
import { type Collector, startCollector } from '../support/collector.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');

let collector: Collector;
let stack: TestStack;
let worker: ChildProcess;
let told: { readonly api: string; readonly worker: string };

beforeAll(async () => {
  collector = await startCollector();
  const [port = 0] = await freePorts(1);
  const settings = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    PERENNIAL_PORT_WORKER_METRICS: port,
    // Nobody answers there: what is told of it is told all the same.
    PERENNIAL_REDIS_URL: 'redis://127.0.0.1:1',
  };
  stack = await startTestStack(['postgres', 'temporal', 'api'], settings);
  const { environment } = stack;
  const env = childVariables(settingsOf(environment));
  const execArgv = ['--import', 'tsx'];
  worker = fork(path.join(ROOT, 'workers/main.ts'), ['--env', 'dev'], {
    execArgv,
    env,
    stdio: 'ignore',
    serialization: 'json',
  });
  await once(worker, 'message');
  const { workflow, connection } = await connect(environment);
  const placed = { taskQueue: queues.light };
  await workflow.execute('watch', { ...placed, workflowId: 'watch', args: [{}] });
  await expect(workflow.execute('run', { ...placed, workflowId: 'run', args: [{ asOf: 'never' }] })).rejects.toThrow();
  await connection.close();
  const scrape = async (url: string) => (await fetch(`${url}/metrics`)).text();
  told = { api: await scrape(environment.api.url), worker: await scrape(`http://127.0.0.1:${port}`) };
});
afterAll(async () => {
  worker?.kill('SIGTERM');
  if (worker) await once(worker, 'exit');
  await stack?.stop();
  await collector?.close();
});

/** Every series that somebody tells, with the names that a histogram goes by. */
const series = (): ReadonlySet<string> => {
  const types = [...`${told.api}\n${told.worker}`.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Set(
    types.flatMap(([, name = '', type]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
};

const named = (expression: string): string[] => [
  ...new Set(expression.match(/\b(?:perennial|temporal|nodejs|process)_[a-z0-9_]+\b/g) ?? []),
];

const dashboardSchema = z.looseObject({
  panels: z.array(
    z.looseObject({
      type: z.string(),
      title: z.string(),
      targets: z.array(z.looseObject({ expr: z.string() })).default([]),
    }),
  ),
});
const rulesSchema = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^[A-Z][A-Za-z]+$/),
          expr: z.string(),
          for: z
            .string()
            .regex(/^\d+m$/)
            .optional(),
          labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
          annotations: z.strictObject({ summary: z.string(), mend: z.string() }),
        }),
      ),
    }),
  ),
});
const read = (file: string) => readFileSync(path.join(ROOT, 'deploy', file), 'utf8');

describe('what is watched', () => {
  it('by the dashboard is told: every series of every panel', () => {
    const { panels } = dashboardSchema.parse(JSON.parse(read('grafana/perennial.json')));
    const drawn = panels.filter(({ type }) => type !== 'row');
    const unknown = drawn.flatMap(({ title, targets }) =>
      targets
        .flatMap(({ expr }) => named(expr).filter((name) => !series().has(name)))
        .map((name) => `${title}: ${name}`),
    );
    expect(unknown).toEqual([]);
    expect(
      drawn.filter(({ targets }) => targets.length === 0 || targets.some(({ expr }) => named(expr).length === 0)),
    ).toEqual([]);
  });

  it('by the rules is told too, and each alert has a name of its own', () => {
    const rules = rulesSchema.parse(parse(read('prometheus/alerts.yml'))).groups.flatMap((group) => group.rules);
    const unknown = rules.flatMap(({ alert, expr }) =>
      named(expr)
        .filter((name) => !series().has(name))
        .map((name) => `${alert}: ${name}`),
    );
    expect(unknown).toEqual([]);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  it('of steps: what became of each, by the code of the error', () => {
    expect(told.worker).toMatch(
      /perennial_activity_outcomes\{[^}]*activityType="checkInput"[^}]*outcome="INVALID_INPUT"[^}]*\} 1/,
    );
    expect(told.worker).toMatch(
      /perennial_activity_outcomes\{[^}]*activityType="watchSchedules"[^}]*outcome="completed"[^}]*\} 1/,
    );
  });
});

it('a trace runs from whoever starts a workflow to its steps', async () => {
  const find = (name: string) => collector.spans.find((span) => span.name === name);
  await expect.poll(() => find('RunActivity:watchSchedules')).toBeDefined();
  await expect.poll(() => find('StartWorkflow:watch')).toBeDefined();
  const [start, step] = [find('StartWorkflow:watch'), find('RunActivity:watchSchedules')];
  expect([step?.traceId, step?.parentSpanId]).toEqual([start?.traceId, start?.spanId]);
  await expect.poll(() => find('GET /metrics')).toBeDefined();
});
