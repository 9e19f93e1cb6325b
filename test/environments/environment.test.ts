// Environments: their defaults, what wins, what is refused, and that another process can be given the very same one.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import {
  childVariables,
  environmentNames,
  loadEnvironment,
  postgresUrl,
  settingsOf,
} from '../../environments/environment.ts';
import { settingNames } from '../../environments/settings.ts';

const home = mkdtempSync(join(tmpdir(), 'perennial-environment-'));
for (const name of settingNames) vi.stubEnv(name, undefined);
afterAll(() => rmSync(home, { recursive: true, force: true }));
const load = (name = 'dev', more = {}) => loadEnvironment(name, { PERENNIAL_HOME: home, ...more });

describe('loadEnvironment', () => {
  it('gives each environment walls of its own on shared servers', () => {
    const [dev, staging, prod] = environmentNames.map((name) => load(name));
    const walls = (environment = dev) => [
      environment?.lake.catalog,
      environment?.lake.metadataSchema,
      environment?.lake.dataPath,
      environment?.temporal.namespace,
      environment?.mlflow.prefix,
      environment?.artifacts,
      environment?.stage,
      environment?.schema,
      environment?.duckdb.tempDirectory,
    ];
    for (const [i, wall] of walls(dev).entries()) {
      expect(new Set([wall, walls(staging)[i], walls(prod)[i]]).size).toBe(3);
    }
    expect(dev?.ports).toEqual(prod?.ports);
    expect(dev?.postgres).toEqual(prod?.postgres);
  });

  it('keeps state in the project and downloads outside it, unless told otherwise', () => {
    const environment = load('dev', { PERENNIAL_CACHE: '/somewhere' });
    expect(loadEnvironment('dev', { DATABASE_URL: 'postgres://u:p@h/d' }).home).toBe(
      join(environment.root, '.perennial'),
    );
    expect(environment.venv).toMatch(/^\/somewhere\/venv-[0-9a-f]{12}$/);
    expect(load('dev', { XDG_CACHE_HOME: '/xdg' }).cache).toBe('/xdg/perennial');
  });

  it('is frozen to the bottom', () => {
    const environment = load();
    expect(() => Object.assign(environment.ports, { api: 1 })).toThrow(TypeError);
    expect(() => Object.assign(environment, { home: '' })).toThrow(TypeError);
  });

  it('avoids the ports that others use, and each other', () => {
    const ports = Object.values(load().ports);
    expect(new Set(ports).size).toBe(ports.length);
    for (const taken of [3000, 5000, 5432, 7233, 8080, 8233]) expect(ports).not.toContain(taken);
  });

  it('reads variables, and lets arguments win over them', () => {
    vi.stubEnv('PERENNIAL_PORT_API', '9001');
    expect(load().api.url).toBe('http://127.0.0.1:9001');
    expect(load('dev', { PERENNIAL_PORT_API: 9002 }).api.port).toBe(9002);
    vi.stubEnv('PERENNIAL_PORT_API', '');
    expect(load().api.port).toBe(18_080);
  });

  it('takes servers of the user’s own by their addresses', () => {
    const environment = load('prod', {
      DATABASE_URL: 'postgresql://me:p%40ss@db.example:6000/lake',
      TEMPORAL_ADDRESS: 'temporal.example:7233',
      MLFLOW_TRACKING_URI: 'https://mlflow.example/',
    });
    expect(environment.postgres).toEqual({
      host: 'db.example',
      port: 6000,
      user: 'me',
      password: 'p@ss',
      database: 'lake',
      external: true,
    });
    expect(environment.temporal).toMatchObject({ address: 'temporal.example:7233', namespace: 'prod', external: true });
    expect(environment.mlflow).toMatchObject({ url: 'https://mlflow.example', external: true });
  });

  it.each([
    [{ PERENNIAL_PORT_API: 'eighty' }, 'PERENNIAL_PORT_API'],
    [{ PERENNIAL_PORT_MLFLOW: 70_000 }, 'PERENNIAL_PORT_MLFLOW'],
    [{ PERENNIAL_PORT_POSTGRES: 1.5 }, 'PERENNIAL_PORT_POSTGRES'],
    [{ TEMPORAL_ADDRESS: 'http://temporal:7233' }, 'TEMPORAL_ADDRESS'],
    [{ MLFLOW_TRACKING_URI: 'file:./mlruns' }, 'MLFLOW_TRACKING_URI'],
    [{ DATABASE_URL: 'mysql://me:hush@db/lake' }, 'DATABASE_URL'],
    [{ PERENNIAL_DUCKDB_MEMORY: 'lots' }, 'PERENNIAL_DUCKDB_MEMORY'],
    [{ PERENNIAL_MLFLOW_DATABASE: 'a"; drop' }, 'PERENNIAL_MLFLOW_DATABASE'],
    [{ PERENNIAL_PROT_API: 1 }, 'PERENNIAL_PROT_API'],
  ])('refuses %o and names the setting', (wrong, field) => {
    expect(() => load('dev', wrong)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringContaining(field) }),
    );
  });

  it('never repeats a refused address that may hold a password', () => {
    expect(() => load('dev', { DATABASE_URL: 'mysql://me:hush@db/lake' })).toThrow(/^(?!.*hush)/);
  });

  it('refuses another name, and the names that objects are born with', () => {
    for (const name of ['production', '', 'toString', '__proto__']) {
      expect(() => load(name)).toThrow(expect.objectContaining({ code: 'UNKNOWN_NAME' }));
    }
  });
});

describe('the database password', () => {
  it('is made once, kept from others’ eyes, and the same for all three', () => {
    const fresh = mkdtempSync(join(tmpdir(), 'perennial-secret-'));
    const [first, second] = [load('dev', { PERENNIAL_HOME: fresh }), load('prod', { PERENNIAL_HOME: fresh })];
    expect(first.postgres.password).toMatch(/^[\w-]{32}$/);
    expect(second.postgres.password).toBe(first.postgres.password);
    expect(load().postgres.password).not.toBe(first.postgres.password);
    expect(statSync(join(fresh, 'secrets.json')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(fresh, 'secrets.json'), 'utf8')).toContain(first.postgres.password);
    rmSync(fresh, { recursive: true });
  });

  it('comes from outside where it is given, and then nothing is written', () => {
    const fresh = join(home, 'untouched');
    expect(load('dev', { PERENNIAL_HOME: fresh, PERENNIAL_POSTGRES_PASSWORD: 'given' }).postgres.password).toBe(
      'given',
    );
    load('dev', { PERENNIAL_HOME: fresh, DATABASE_URL: 'postgres://u:p@h/d' });
    expect(() => statSync(fresh)).toThrow(/ENOENT/);
  });

  it('is not replaced where its file is damaged', () => {
    const damaged = mkdtempSync(join(tmpdir(), 'perennial-secret-'));
    writeFileSync(join(damaged, 'secrets.json'), '{"other":1}');
    expect(() => load('dev', { PERENNIAL_HOME: damaged })).toThrow(/secrets/);
    rmSync(damaged, { recursive: true });
  });
});

describe('settingsOf', () => {
  it('makes another process load the very same environment', () => {
    const port = fc.integer({ min: 1, max: 65_535 });
    const text = fc
      .string({ minLength: 1, maxLength: 20, unit: 'grapheme-ascii' })
      .filter((given) => given.trim() === given);
    const settings = fc.record(
      {
        PERENNIAL_PORT_POSTGRES: port,
        PERENNIAL_PORT_API: port,
        PERENNIAL_POSTGRES_PASSWORD: text,
        PERENNIAL_LAKE_PATH: fc.constantFrom('/lakes', 's3://bucket/lakes'),
        PERENNIAL_DUCKDB_THREADS: fc.integer({ min: 1, max: 64 }),
        PERENNIAL_CRASH_FOLDER: fc.constant('/crash'),
        DATABASE_URL: text.map((password) => postgresUrl({ host: 'h', port: 1, user: 'u@x', password, database: 'd' })),
        TEMPORAL_ADDRESS: fc.constant('t:1'),
        TEMPORAL_UI_URL: fc.constant('http://ui:1'),
        MLFLOW_TRACKING_URI: fc.constant('http://m:1'),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.constantFrom(...environmentNames), settings, (name, given) => {
        const environment = load(name, given);
        expect(loadEnvironment(name, settingsOf(environment))).toEqual(environment);
      }),
      { numRuns: 200 },
    );
  });
});

describe('childVariables', () => {
  afterEach(() => vi.stubEnv('DATABASE_URL', undefined));

  it('hands on what is not ours, and none of our secrets', () => {
    vi.stubEnv('DATABASE_URL', 'postgres://me:hush@db/lake');
    vi.stubEnv('SOMETHING_ELSE', 'kept');
    const variables = childVariables({ MORE: '1' });
    expect(variables).toMatchObject({ SOMETHING_ELSE: 'kept', MORE: '1' });
    expect(JSON.stringify(variables)).not.toContain('hush');
  });
});
