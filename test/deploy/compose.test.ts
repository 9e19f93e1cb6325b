// The composed deployment without an engine: well formed, pinned, closed to the outside, and running what the local stack runs.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { mlflowServerCommand } from '../../adapters/mlflow/server.ts';
import { temporalServerArguments } from '../../adapters/temporal/server.ts';
import { accountNames, environmentNames, serviceOf } from '../../core/access.ts';
import { loadEnvironment, postgresUrl } from '../../environments/environment.ts';
import { parseSettings } from '../../environments/settings.ts';
import { nodeArguments } from '../../workers/stack/parts.ts';

const text = z.string();
const serviceSchema = z.strictObject({
  image: text,
  build: z.literal('.').optional(),
  restart: z.string().regex(/^(unless-stopped|on-failure:\d+)$/),
  init: z.boolean().optional(),
  environment: z.record(text, text).default({}),
  command: z.array(text).optional(),
  entrypoint: z.array(text).optional(),
  shm_size: text.optional(),
  stop_grace_period: z
    .string()
    .regex(/^\d+s$/)
    .optional(),
  volumes: z.array(text).default([]),
  ports: z.array(text).default([]),
  healthcheck: z
    .strictObject({
      test: z.tuple([z.enum(['CMD', 'CMD-SHELL'])], text),
      interval: text,
      timeout: text,
      retries: z.number(),
      start_period: text.optional(),
    })
    .optional(),
  depends_on: z
    .record(text, z.strictObject({ condition: z.enum(['service_healthy', 'service_completed_successfully']) }))
    .default({}),
});
const composeSchema = z.strictObject({
  name: text,
  'x-product': z.unknown(),
  'x-places': z.record(text, text),
  services: z.record(text, serviceSchema),
  volumes: z.record(text, z.null()),
});

const source = readFileSync('docker-compose.yml', 'utf8');
const compose = composeSchema.parse(parse(source, { merge: true }));
const service = (name: string) => {
  const found = compose.services[name];
  if (found === undefined) throw new Error(`no service ${name}`);
  return found;
};
const entries = Object.entries(compose.services);
/** As Compose would fill it in where nothing is set but the passwords. */
const filled = (value: string): string =>
  value.replace(/\$\{(POSTGRES_PASSWORD\w*):\?[^}]*\}/g, 'secret-$1').replace(/\$\{\w+:-([^}]*)\}/g, '$1');
/** The environment that a container of the product loads. */
const placesOf = (name: string) => {
  const given = Object.entries(service(name).environment).map(([key, value]) => [key, filled(value)]);
  return loadEnvironment('prod', { PERENNIAL_CACHE: '/nowhere', ...Object.fromEntries(given) });
};

describe('docker-compose.yml', () => {
  it('has every part of the product', () => {
    expect(Object.keys(compose.services).sort()).toEqual(
      ['api', 'mlflow', 'postgres', 'setup', 'temporal', 'temporal-schema', 'temporal-ui', 'worker'].sort(),
    );
  });

  it('pins every image', () => {
    for (const [, { image }] of entries) expect(filled(image)).toMatch(/:\d+(\.\d+)+$/);
  });

  it('opens ports on loopback only', () => {
    for (const [, { ports }] of entries)
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\$\{PERENNIAL_PORT_\w+:-\d+\}:\d+$/);
  });

  it('offers the same ports as the local stack', () => {
    const settings: Record<string, unknown> = parseSettings({});
    for (const [, { ports }] of entries) {
      for (const port of ports) {
        const [, setting, standard] = /\{(\w+):-(\d+)\}/.exec(port) ?? [];
        expect(settings[setting ?? '']).toBe(Number(standard));
      }
    }
  });

  it('holds no secret: each comes from outside and is required', () => {
    const given = entries.flatMap(([, { environment }]) => Object.entries(environment));
    const secret = given.filter(([name, value]) => /PASSWORD|PWD/.test(name) || /perennial\w*:/.test(value));
    expect(secret.length).toBeGreaterThanOrEqual(10);
    for (const [, value] of secret) expect(value).toMatch(/\$\{POSTGRES_PASSWORD\w*:\?/);
    expect(service('api').environment.PERENNIAL_REDIS_URL).toMatch(/^\$\{PERENNIAL_REDIS_URL:-\}$/);
  });

  it('tells the program its services’ passwords, and the owner’s to the set-up alone', () => {
    const services = environmentNames.map(serviceOf);
    for (const [name, known] of [
      ['worker', services],
      ['api', services],
      ['setup', accountNames],
    ] as const) {
      const { accounts } = placesOf(name);
      const told = accountNames.filter((account) => accounts[account].password !== '');
      expect(told.sort(), name).toEqual([...known].sort());
      for (const account of services) expect(accounts[account].password).toMatch(new RegExp(account, 'i'));
    }
    expect(JSON.stringify(service('mlflow').environment)).not.toMatch(/POSTGRES_PASSWORD:|_(SERVICE|ADMIN|DEVELOPER):/);
  });

  it('waits only for services that exist, and for health only where health is asked', () => {
    for (const [, { depends_on }] of entries) {
      for (const [name, { condition }] of Object.entries(depends_on)) {
        expect(service(name).healthcheck !== undefined).toBe(condition === 'service_healthy');
      }
    }
  });

  it('mounts only volumes it declares and files that exist', () => {
    for (const [, { volumes }] of entries) {
      for (const volume of volumes) {
        const from = filled(volume).split(':')[0] ?? '';
        if (!from.startsWith('.')) expect(Object.keys(compose.volumes)).toContain(from);
      }
    }
    expect(readFileSync('deploy/temporal/setup-schema.sh', 'utf8')).toMatch(/^#!\/bin\/sh\n/);
  });

  it('gives the product settings it accepts', () => {
    for (const name of ['worker', 'api', 'setup']) {
      const given = Object.entries(service(name).environment).map(([key, value]) => [key, filled(value)]);
      expect(parseSettings(Object.fromEntries(given)).TEMPORAL_ADDRESS).toBe('temporal:7233');
    }
  });
});

describe('the same commands as the local stack', () => {
  it.each([
    ['worker', 'workers/main.ts'],
    ['api', 'serving/main.ts'],
    ['setup', 'workers/stack/settle.ts'],
  ])('%s', (name, entry) => {
    expect(service(name).command?.map(filled)).toEqual(['node', ...nodeArguments(entry, environmentNames.join())]);
  });

  it('mlflow, with its variables', () => {
    const databaseUrl = postgresUrl(placesOf('setup').mlflow.postgres);
    const artifacts = '/var/lib/perennial/mlflow-artifacts';
    const place = { python: '/opt/venv/bin/python', host: '0.0.0.0', port: 5000, databaseUrl, artifacts };
    const { file, args, variables } = mlflowServerCommand(place);
    const { command, environment } = service('mlflow');
    expect(command).toEqual([file, ...args]);
    const { MLFLOW_SERVER_ALLOWED_HOSTS: hosts, ...rest } = environment;
    expect(Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, filled(value)]))).toEqual(variables);
    expect(hosts).toContain('mlflow:5000');
  });

  it('temporal, with its dynamic configuration', () => {
    const local = temporalServerArguments({ databaseFile: 'x', port: 1, uiPort: 2, namespaces: [] });
    const wanted = local.filter((word) => /^(history|matching)\./.test(word)).map((word) => word.split('='));
    const config: unknown = parse(readFileSync('deploy/temporal/dynamic-config.yaml', 'utf8'));
    const found = z
      .record(text, z.tuple([z.strictObject({ value: z.number(), constraints: z.strictObject({}) })]))
      .parse(config);
    expect(Object.entries(found).map(([key, [{ value }]]) => [key, String(value)])).toEqual(wanted);
  });

  it('the image has the Node of this project, the lock’s wheels and no root', () => {
    const dockerfile = readFileSync('Dockerfile', 'utf8');
    expect(dockerfile).toMatch(/^FROM node:20\.20-/m);
    expect(dockerfile).toContain('--require-hashes');
    expect(dockerfile).toMatch(/^USER node$/m);
  });
});
