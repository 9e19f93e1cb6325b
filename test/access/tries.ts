// Trying cells: by node-postgres, by psql, or by any call of the program; each try is allowed, denied, or went wrong some other way.
import { spawn } from 'node:child_process';
import pg from 'pg';
import { withConnection } from '../../adapters/postgres/pool.ts';
import type { Environment, PostgresPlace } from '../../environments/environment.ts';
import { roles } from './matrix.ts';
import type { Cell } from './statements.ts';

/** `denied`: for lack of a right and for no other reason; anything else is told in words. */
export type Verdict = 'allowed' | 'denied' | (string & {});

const DENIED = new Set(['42501', '28P01', '28000']);

export const verdictOf = (work: () => Promise<unknown>): Promise<Verdict> =>
  work().then(
    () => 'allowed',
    (error: unknown) => (isDenied(error) ? 'denied' : String(error)),
  );

// DuckDB hands on what Postgres said, without its code.
const isDenied = (error: unknown): boolean => {
  if (error instanceof pg.DatabaseError) return DENIED.has(error.code ?? '');
  return error instanceof Error && /permission denied for (schema|table|database)/.test(error.message);
};

/** Where the verdict differs from the matrix, one line a cell; empty: all is as it should be. */
export const differences = (
  cells: readonly { readonly role: string; readonly name: string; readonly allowed: boolean }[],
  verdicts: readonly Verdict[],
): readonly string[] =>
  cells.flatMap(({ role, name, allowed }, i) =>
    verdicts[i] === (allowed ? 'allowed' : 'denied') ? [] : [`${role}: ${name}: ${verdicts[i]}`],
  );

type Runner = (place: PostgresPlace, statements: readonly string[]) => Promise<readonly Verdict[]>;

/** The verdict of each cell, one session a role and database. */
export const tryCells = async (
  { accounts }: Environment,
  cells: readonly Cell[],
  run: Runner,
): Promise<readonly Verdict[]> => {
  const verdicts = new Map<Cell, Verdict>();
  for (const role of roles) {
    for (const database of new Set(cells.map((cell) => cell.database))) {
      const mine = cells.filter((cell) => cell.role === role && cell.database === database);
      const found = await run(
        { ...accounts[role], database },
        mine.map(({ sql }) => sql),
      );
      for (const [i, cell] of mine.entries()) verdicts.set(cell, found[i] ?? 'not tried');
    }
  }
  return cells.map((cell) => verdicts.get(cell) ?? 'not tried');
};

export const byNodePostgres: Runner = async (place, statements) => {
  const all: Verdict[] = [];
  const session = () =>
    withConnection(place, async (client) => {
      for (const sql of statements) {
        all.push(await verdictOf(() => client.query(sql)));
        if (sql.startsWith('begin') && all.at(-1) !== 'allowed') await client.query('rollback');
      }
    });
  const entered = await verdictOf(session);
  return entered === 'allowed' ? all : statements.map(() => entered);
};

/** With `\warn` between the statements, so that marks and errors come in one stream. */
export const byPsql: Runner = async ({ host, port, user, password, database }, statements) => {
  const script = statements.flatMap((sql, i) => [
    `\\warn @${i}`,
    `${sql};`,
    ...(sql.startsWith('begin') ? ['rollback;'] : []),
  ]);
  const target = ['--host', host, '--port', String(port), '--username', user, '--dbname', database];
  const psql = spawn('psql', ['--no-psqlrc', '--quiet', '--set', 'VERBOSITY=sqlstate', ...target], {
    env: { PATH: process.env.PATH, PGPASSWORD: password },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  psql.stdin.end(`${script.join('\n')}\n`);
  let said = '';
  for await (const chunk of psql.stderr) said += chunk;
  if (/FATAL: +permission denied for database/.test(said)) return statements.map(() => 'denied');
  const parts = said.split(/^@\d+$/m).slice(1);
  return statements.map((_, i) => {
    const part = parts[i];
    if (part === undefined) return `psql said: ${said.slice(0, 200)}`;
    const code = /ERROR: +(\w{5})/.exec(part)?.[1];
    if (code === undefined) return 'allowed';
    return DENIED.has(code) ? 'denied' : `error ${code}`;
  });
};

export const hasPsql = (): Promise<boolean> =>
  new Promise((resolve) => {
    const psql = spawn('psql', ['--version'], { stdio: 'ignore' });
    psql.once('error', () => resolve(false));
    psql.once('exit', (code) => resolve(code === 0));
  });
