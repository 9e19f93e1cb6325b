// Environments: their defaults, what wins, what is refused, and that another process can be given the very same one.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { accountNames, roleAccounts } from '../../core/access.ts';
import {
  childVariables,
  type Environment,
  environmentNames,
  environmentsIn,
  loadEnvironment,
  postgresUrl,
  settingsOf,
  siblingOf,
} from '../../environments/environment.ts';
import { passwordSetting, settingNames } from '../../environments/settings.ts';

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
      environment?.reports,
      environment?.duckdb.tempDirectory,
      environment?.postgres.user,
      environment?.postgres.password,
      environment?.api.url,
    ];
    for (const [i, wall] of walls(dev).entries()) {
      expect(new Set([wall, walls(staging)[i], walls(prod)[i]]).size).toBe(3);
    }
    expect({ ...dev?.ports, api: 0 }).toEqual({ ...prod?.ports, api: 0 });
    expect(dev?.accounts).toEqual(prod?.accounts);
  });

  it('keeps state in the project and downloads outside it, unless told otherwise', () => {
    const environment = load('dev', { PERENNIAL_CACHE: '/somewhere' });
    expect(loadEnvironment('dev', { DATABASE_URL: 'postgres://u:p@h/d', PERENNIAL_ACCOUNTS: 'owner' }).home).toBe(
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
    const ports = [...Object.values(load().ports), load('staging').ports.api, load('prod').ports.api];
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
    const place = { host: 'db.example', port: 6000, database: 'lake' };
    expect(environment.owner).toEqual({ ...place, user: 'me', password: 'p@ss' });
    expect(environment.postgres).toMatchObject({ ...place, user: 'perennial_prod_service', external: true });
    expect(environment.mlflow.postgres).toMatchObject({ ...place, user: 'perennial_mlflow', database: 'mlflow' });
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
    [{ PERENNIAL_ACCOUNTS: 'dev_service,root' }, 'PERENNIAL_ACCOUNTS'],
    [{ PERENNIAL_REDIS_URL: 'http://r:1' }, 'PERENNIAL_REDIS_URL'],
    [{ PERENNIAL_REDIS_URL: 'redis://r:1/features' }, 'PERENNIAL_REDIS_URL'],
  ])('refuses %o and names the setting', (wrong, field) => {
    expect(() => load('dev', wrong)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringContaining(field) }),
    );
  });

  it('never repeats a refused address that may hold a password', () => {
    expect(() => load('dev', { DATABASE_URL: 'mysql://me:hush@db/lake' })).toThrow(/^(?!.*hush)/);
    expect(() => load('dev', { PERENNIAL_REDIS_URL: 'redis://:hush@r/x' })).toThrow(/^(?!.*hush)/);
  });

  it('refuses another name, and the names that objects are born with', () => {
    for (const name of ['production', '', 'toString', '__proto__']) {
      expect(() => load(name)).toThrow(expect.objectContaining({ code: 'UNKNOWN_NAME' }));
    }
  });
});

describe('a Redis that is given', () => {
  it.each([
    ['redis://r', { host: 'r', port: 6379, tls: false, user: '', password: '', database: 0 }],
    [
      'rediss://u%40x:p%2Fs@r.example:1/3',
      { host: 'r.example', port: 1, tls: true, user: 'u@x', password: 'p/s', database: 3 },
    ],
    ['redis://:hush@[::1]:7/', { host: '::1', port: 7, tls: false, user: '', password: 'hush', database: 0 }],
  ])('%s is understood, and told whole to a process of our own alone', (address, place) => {
    const environment = load('dev', { PERENNIAL_REDIS_URL: address });
    expect(environment.redis).toEqual(place);
    expect(load('dev', settingsOf(environment)).redis).toEqual(place);
    expect(JSON.stringify(environment.settings)).not.toContain('REDIS');
  });

  it('is not there where nobody gave it', () => expect(load().redis).toBeUndefined());
});

describe('environmentsIn', () => {
  it('reads a list in the order of promotion, each once', () => {
    expect(environmentsIn('prod, dev,prod')).toEqual(['dev', 'prod']);
    for (const list of ['', 'dev,', 'dev;prod', 'production'])
      expect(() => environmentsIn(list)).toThrow(expect.objectContaining({ code: 'UNKNOWN_NAME' }));
  });
});

describe('siblingOf', () => {
  it('is another environment of the same stack, whatever the variables around it say', () => {
    const staging = load('staging');
    vi.stubEnv('DATABASE_URL', 'postgres://other:hush@elsewhere/lake');
    expect(siblingOf(load('dev', { DATABASE_URL: '' }), 'staging')).toEqual(staging);
    vi.stubEnv('DATABASE_URL', undefined);
  });
});

describe('the database passwords', () => {
  const fresh = () => mkdtempSync(join(tmpdir(), 'perennial-secret-'));
  const passwords = ({ accounts }: Environment) => accountNames.map((name) => accounts[name].password);

  it('are made once, one an account, kept from others’ eyes', () => {
    const folder = fresh();
    const [first, second] = [load('dev', { PERENNIAL_HOME: folder }), load('prod', { PERENNIAL_HOME: folder })];
    for (const password of passwords(first)) expect(password).toMatch(/^[\w-]{32}$/);
    expect(new Set(passwords(first)).size).toBe(accountNames.length);
    expect(passwords(second)).toEqual(passwords(first));
    expect(load().owner.password).not.toBe(first.owner.password);
    expect(statSync(join(folder, 'secrets.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['secrets.json']);
    rmSync(folder, { recursive: true });
  });

  it('are added to a file from before there were roles, and nothing in it is lost', () => {
    const folder = fresh();
    const old = { postgresPassword: 'the-owner-of-old-times', another: 'kept' };
    writeFileSync(join(folder, 'secrets.json'), JSON.stringify(old));
    const environment = load('dev', { PERENNIAL_HOME: folder });
    expect(environment.owner.password).toBe(old.postgresPassword);
    expect(environment.postgres.password).toMatch(/^[\w-]{32}$/);
    expect(JSON.parse(readFileSync(join(folder, 'secrets.json'), 'utf8'))).toMatchObject(old);
    expect(statSync(join(folder, 'secrets.json')).mode & 0o777).toBe(0o600);
    expect(load('dev', { PERENNIAL_HOME: folder })).toEqual(environment);
    rmSync(folder, { recursive: true });
  });

  it('are agreed on by processes that race for them', async () => {
    const folder = fresh();
    const script = `import { secretsOf } from './environments/secrets.ts'; console.log(JSON.stringify(secretsOf(process.argv[1])));`;
    const run = () =>
      promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, folder]);
    const told = await Promise.all(Array.from({ length: 4 }, run));
    expect(new Set(told.map(({ stdout }) => stdout)).size).toBe(1);
    rmSync(folder, { recursive: true });
  });

  it('survive a process that was killed while it made them', () => {
    const folder = fresh();
    const lock = join(folder, 'secrets.json.lock');
    writeFileSync(lock, '');
    utimesSync(lock, 0, 0);
    expect(load('dev', { PERENNIAL_HOME: folder }).postgres.password).toMatch(/^[\w-]{32}$/);
    rmSync(folder, { recursive: true });
  });

  it('come from outside where they are given, and then nothing is written', () => {
    const untouched = join(home, 'untouched');
    const given = Object.fromEntries(roleAccounts.map((account) => [passwordSetting(account), `of ${account}`]));
    const all = { PERENNIAL_HOME: untouched, PERENNIAL_POSTGRES_PASSWORD: 'of owner', ...given };
    expect(passwords(load('dev', all))).toEqual(accountNames.map((account) => `of ${account}`));
    load('dev', { PERENNIAL_HOME: untouched, DATABASE_URL: 'postgres://u:p@h/d', ...given });
    expect(() => statSync(untouched)).toThrow(/ENOENT/);
  });

  it('that a process may not know it does not know', () => {
    const untouched = join(home, 'untouched');
    const told = settingsOf(load('dev'), ['dev_service']);
    const worker = loadEnvironment('dev', { ...told, PERENNIAL_HOME: untouched });
    expect(worker.postgres).toEqual(load('dev').postgres);
    expect(passwords(worker).filter((password) => password !== '')).toEqual([worker.postgres.password]);
    expect(() => statSync(untouched)).toThrow(/ENOENT/);
    for (const secret of passwords(load('dev')).filter((password) => password !== worker.postgres.password))
      expect(JSON.stringify(told)).not.toContain(secret);
    const external = load('dev', { DATABASE_URL: 'postgres://me:hush@h/d' });
    expect(JSON.stringify(settingsOf(external, ['dev_service']))).not.toContain('hush');
  });

  it('are not replaced where their file is damaged', () => {
    const damaged = fresh();
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
        PERENNIAL_POSTGRES_PASSWORD_PROD_SERVICE: text,
        PERENNIAL_PORT_API_PROD: port,
        PERENNIAL_ACCOUNTS: fc.constantFrom('owner', 'prod_service,developer', 'dev_service,mlflow'),
        PERENNIAL_LAKE_PATH: fc.constantFrom('/lakes', 's3://bucket/lakes'),
        PERENNIAL_DUCKDB_THREADS: fc.integer({ min: 1, max: 64 }),
        PERENNIAL_CRASH_FOLDER: fc.constant('/crash'),
        PERENNIAL_REDIS_URL: text.map((password) => `rediss://u:${encodeURIComponent(password)}@r:1/2`),
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
