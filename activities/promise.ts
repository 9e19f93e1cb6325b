// Holds freshly computed rows against their table's promise, before anyone can read them: the key, then every law.
import { PerennialError } from '../core/errors.ts';
import { identifier, literal, type SqlSession } from '../core/sql.ts';
import { type Law, type RowLaw, type Table, type TableLaw, violationsOf } from '../core/table.ts';

const SHOWN = 3;

/** Throws `LAW_BROKEN`, with the first violating rows, if the staged rows break the promise. The table's inputs are readable by name. */
export const checkPromise = async (db: SqlSession, table: Table, stagedFile: string): Promise<void> => {
  await db.run(`create or replace temp view this as from read_parquet(${literal(stagedFile)})`);
  for (const law of [...(await rowLawsInDoubt(db, table)), await uniqueKey(db, table), ...table.laws.filter(ofTable)])
    if (law) await expectNone(db, table, law.name, violationsOf(law));
};

const ofRow = (law: Law): law is RowLaw => 'holds' in law;
const ofTable = (law: Law): boolean => !ofRow(law);

/** The laws of rows that some row breaks: one pass counts for all of them, and reads only the columns they speak of. */
const rowLawsInDoubt = async (db: SqlSession, { key, laws }: Table): Promise<readonly RowLaw[]> => {
  const whole = key.map((column) => `${identifier(column)} is not null`).join(' and ');
  const all: readonly RowLaw[] = [
    { name: `no null in the key (${key.join(', ')})`, holds: whole },
    ...laws.filter(ofRow),
  ];
  const broken = all.map(({ holds }, i) => `count(*) filter ((${holds}) is not true) as law${i}`);
  const [counts = {}] = await db.rows(`select ${broken.join(', ')} from this`);
  return all.filter((_, i) => counts[`law${i}`] !== '0');
};

/** Equal keys have equal hashes, so distinct hashes prove distinct keys, at two thirds of the cost. Else the keys themselves must tell. */
const uniqueKey = async (db: SqlSession, { key }: Table): Promise<TableLaw | undefined> => {
  const columns = key.map(identifier).join(', ');
  if ((await db.number(`select count(*) - count(distinct hash(${columns})) from this`)) === 0) return undefined;
  return {
    name: `one row per key (${key.join(', ')})`,
    violations: `select ${columns}, count(*) as times from this group by all having count(*) > 1`,
  };
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
