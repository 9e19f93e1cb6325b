// Who may do what, tried: every cell of the matrix raw (node-postgres, and psql where there is one) and through the program.
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { extensionFiles, verifyExtensions } from '../../adapters/duckdb/extensions.ts';
import { withConnection } from '../../adapters/postgres/pool.ts';
import { withReadOnlyLake } from '../../cli/lake.ts';
import { storyOf } from '../../cli/why/story.ts';
import { environmentNames } from '../../core/access.ts';
import { type Environment, type EnvironmentName, postgresUrl, siblingOf } from '../../environments/environment.ts';
import { passwordSetting } from '../../environments/settings.ts';
import { prepareWalls } from '../../workers/stack/prepare.ts';
import { startTestStack, type TestStack, testEnvironment } from '../support/stack.ts';
import { lakeCalls, poolAs, programCalls, seed } from './calls.ts';
import { lake, type MatrixRole, program, roles, rowsOf } from './matrix.ts';
import { type Cell, rawCells } from './statements.ts';
import { byNodePostgres, byPsql, differences, hasPsql, tryCells, type Verdict, verdictOf } from './tries.ts';

let stack: TestStack;
let environments: Readonly<Record<EnvironmentName, Environment>>;
let extensions: Awaited<ReturnType<typeof extensionFiles>>;
let raw: readonly Cell[];
const snapshots = new Map<EnvironmentName, number>();
const psql = await hasPsql();

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
  const { environment } = stack;
  const all = environmentNames.map((name) => [name, siblingOf(environment, name)]);
  environments = Object.fromEntries(all) as typeof environments;
  extensions = await extensionFiles(environment.venv);
  await verifyExtensions([extensions.postgres, extensions.ducklake], environment.duckdb.tempDirectory);
  for (const name of environmentNames) snapshots.set(name, await seed(environments[name], extensions));
  raw = await withConnection(environment.owner, rawCells);
});
afterAll(() => stack?.stop());

describe('the matrix, raw', () => {
  it('has well over five hundred cells', () => {
    expect(raw.length).toBeGreaterThan(1_500);
    expect(raw.filter(({ allowed }) => allowed).length).toBeGreaterThan(500);
  });

  it('holds, tried by node-postgres', async () => {
    const verdicts = await tryCells(stack.environment, raw, byNodePostgres);
    expect(differences(raw, verdicts)).toEqual([]);
  });

  it.skipIf(!psql)('holds, tried by psql', async () => {
    const verdicts = await tryCells(stack.environment, raw, byPsql);
    expect(differences(raw, verdicts)).toEqual([]);
  });
});

/** Tries every row of a table of the program; a row's name is `<environment>: <call>`. */
const tryRows = async (
  text: string,
  attempt: (role: MatrixRole, environment: Environment, call: string) => Promise<Verdict>,
) => {
  const cells = rowsOf(text).flatMap(({ name, cells: given }) =>
    roles.map((role) => ({ name, role, allowed: given[role] === 'yes' })),
  );
  const verdicts: Verdict[] = [];
  for (const { name, role } of cells) {
    const [environment, call = ''] = name.split(': ') as [EnvironmentName, string];
    verdicts.push(await attempt(role, environments[environment], call));
  }
  return { cells, wrong: differences(cells, verdicts) };
};

describe('the matrix, through the program', () => {
  it('holds for registry, online store and reports', async () => {
    const { cells, wrong } = await tryRows(program, async (role, environment, call) => {
      const pool = poolAs({ ...environment.accounts[role], database: 'perennial' }, environment.schema);
      const work = programCalls(pool, role)[call];
      if (work === undefined) throw new Error(`no such call: ${call}`);
      const verdict = await verdictOf(work);
      // A schema that one may not look into does not count in the search path: that it is for lack of a right is asked by its name.
      const hidden = /relation "\w+" does not exist/.test(verdict);
      const look = () => pool.query(`select '${environment.schema}.aliases'::regclass`);
      return (hidden ? verdictOf(look) : Promise.resolve(verdict)).finally(() => pool.end());
    });
    expect(cells).toHaveLength(180);
    expect(wrong).toEqual([]);
  });

  it('holds for the lake', async () => {
    const { cells, wrong } = await tryRows(lake, (role, environment, call) => {
      const calls = lakeCalls(environment, { ...environment.accounts[role], database: 'perennial' }, extensions, role);
      const snapshot = snapshots.get(environment.name) ?? 0;
      if (call === 'read as it stood') return verdictOf(() => calls[call](snapshot));
      return verdictOf(calls[call as 'read' | 'write']);
    });
    expect(cells).toHaveLength(54);
    expect(wrong).toEqual([]);
  });

  it('tells a developer in plain words that the lake of prod is closed, and lets an admin look', async () => {
    const look = (reader: 'developer' | 'admin') =>
      withReadOnlyLake(
        environments.prod,
        undefined,
        (open) => open.db.number('select count(*) from bronze.seed'),
        reader,
      );
    await expect(look('developer')).rejects.toMatchObject({ code: 'FORBIDDEN', message: /lake of prod.*--as admin/ });
    expect(await look('admin')).toBe(1);
  });

  it('tells a developer so of the predictions of prod, and an admin that nobody recorded this one', async () => {
    const ask = (reader: 'developer' | 'admin') =>
      storyOf(environments.prod, { id: '96431ccc-b783-461f-9818-e3b9f883989d', reader, lines: 5 });
    await expect(ask('developer')).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: /predictions of prod.*--as admin/,
    });
    await expect(ask('admin')).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
  });
});

describe('what stands on the disk', () => {
  const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

  it.each(environmentNames)('of %s is closed to other users', async (name) => {
    const { lake: place, artifacts, stage, reports, duckdb } = environments[name];
    const folders = [place.dataPath, artifacts, stage, reports, duckdb.tempDirectory];
    for (const folder of folders) expect(await modeOf(folder), folder).toBe('700');
    expect(await modeOf(join(place.dataPath, 'bronze'))).toBe('700');
  });

  it('of the secrets is closed to other users', async () => {
    expect(await modeOf(join(stack.environment.home, 'secrets.json'))).toBe('600');
  });
});

describe('what was loosened by hand', () => {
  const byOwner = (sql: string) => withConnection(stack.environment.owner, (client) => client.query(sql));
  const held = async () => differences(raw, await tryCells(stack.environment, raw, byNodePostgres));

  it('is tightened by the next preparation', async () => {
    await byOwner(`
      grant perennial_prod_service to perennial_developer;
      alter role perennial_developer createrole createdb password 'another password';
      grant all on all tables in schema prod to perennial_dev_service;
      grant usage on schema prod, lake_prod to public;
      alter schema lake_staging owner to perennial;
      alter table lake_staging.ducklake_snapshot owner to perennial;
      alter default privileges for role perennial_prod_service in schema lake_prod grant all on tables to perennial_dev_service`);
    expect((await held()).length).toBeGreaterThan(100);
    await prepareWalls(stack.environment);
    expect(await held()).toEqual([]);
  });

  it('stops the preparation where it is a table that has no grants', async () => {
    await byOwner('create table staging.forgotten (n integer)');
    await expect(prepareWalls(stack.environment)).rejects.toMatchObject({
      code: 'CONTRACT_BROKEN',
      message: expect.stringMatching(/staging\.forgotten.*grants\.ts/),
    });
    await byOwner('drop table staging.forgotten');
  });
});

describe('on somebody else’s server', () => {
  it('an owner who may make roles and databases, and is no superuser, builds the same walls', async () => {
    const { owner, accounts } = stack.environment;
    const landlord = { ...owner, user: 'landlord', password: 'not very secret', database: 'leased' };
    await withConnection(owner, async (client) => {
      await client.query(`create role landlord login createrole createdb password '${landlord.password}'`);
      const ours = roles.map((role) => accounts[role].user).join();
      // What a role's maker has by itself.
      await client.query(`grant ${ours} to landlord with admin true, inherit false, set false`);
      await client.query('create database leased owner landlord');
    });
    const passwords = roles.map((role) => [passwordSetting(role), accounts[role].password]);
    const leased = await testEnvironment({
      ...Object.fromEntries(passwords),
      DATABASE_URL: postgresUrl(landlord),
      PERENNIAL_MLFLOW_DATABASE: 'leased_mlflow',
    });
    await prepareWalls(leased);
    await prepareWalls(leased);
    const home = leased.home;
    const cells = (await withConnection(leased.owner, rawCells))
      .filter(({ name }) => !/^connect to|lake_/.test(name))
      .map((cell) => ({ ...cell, database: 'leased' }));
    expect(differences(cells, await tryCells(leased, cells, byNodePostgres))).toEqual([]);
    await seed(leased, extensions);
    expect(await verdictOf(lakeCalls(leased, leased.developer, extensions, 'developer').write)).toBe('allowed');
    expect(await verdictOf(lakeCalls(leased, leased.accounts.prod_service, extensions, 'seed').read)).toBe('denied');
    await rm(home, { recursive: true });
  });
});
