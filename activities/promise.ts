// Holds freshly computed rows against their table's promise, before anyone can read them: the key, then every law.
import { PerennialError } from '../core/errors.ts';
import { identifier, literal, type SqlSession } from '../core/sql.ts';
import type { Table } from '../core/table.ts';

const SHOWN = 3;

/** Throws `LAW_BROKEN`, with the first violating rows, if the staged rows break the promise. The table's inputs are readable by name. */
export const checkPromise = async (db: SqlSession, table: Table, stagedFile: string): Promise<void> => {
  await db.run(`create or replace temp view this as from read_parquet(${literal(stagedFile)})`);
  const key = table.key.map(identifier).join(', ');
  const isNull = table.key.map((column) => `${identifier(column)} is null`).join(' or ');
  await expectNone(db, table, `no null in the key (${table.key.join(', ')})`, `from this where ${isNull}`);
  await expectNone(
    db,
    table,
    `one row per key (${table.key.join(', ')})`,
    `select ${key}, count(*) as times from this group by all having count(*) > 1`,
  );
  for (const law of table.laws) await expectNone(db, table, law.name, law.violations);
};

const expectNone = async (db: SqlSession, table: Table, law: string, violations: string): Promise<void> => {
  const found = await db.rows(`select * from (${violations}) limit ${SHOWN}`);
  if (found.length === 0) return;
  throw new PerennialError(
    'LAW_BROKEN',
    `${table.name} breaks its law "${law}", for example ${JSON.stringify(found)}`,
    {
      field: table.name,
      mend: 'Nothing was committed; mend the data or the SQL and run again',
    },
  );
};
