// `perennial audit`: who changed what in an environment, who looked at whom, and whether that record is still the one that was written.
import { type Command, InvalidArgumentError, Option } from 'commander';
import pc from 'picocolors';
import { PostgresAudit } from '../../adapters/postgres/audit.ts';
import { PostgresAuditReads } from '../../adapters/postgres/audit-reads.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { type Environment, environmentNames, loadEnvironment } from '../../environments/environment.ts';
import { type AnchoredChain, chainsOf, moveAnchor } from '../../serving/access/anchor.ts';
import { count, json, table } from '../output.ts';

interface Options {
  readonly env: string;
  readonly json?: boolean;
}

interface ListOptions extends Options {
  readonly limit: number;
  readonly who?: string;
  readonly since?: string;
}

export const register = (program: Command): void => {
  const audit = program
    .command('audit')
    .description(
      'who changed what in an environment and who looked at whom: list it, or verify that nobody changed the record',
    );
  listing(audit.command('list'))
    .description('the newest changes of registry, promotions, data versions, signatures, API keys and tokens')
    .option('--who <name>', 'done by him alone')
    .action(list);
  listing(audit.command('reads'))
    .description('the newest requests to the API: who looked at whom, and who was refused')
    .option('--principal <id>', 'of this one alone: a name, `key:<id>`, `anonymous`, `address:<ip>`')
    .option('--entity <key>', 'about this entity alone')
    .action(reads);
  common(audit.command('verify'))
    .description(
      'follow both chains of hashes to their ends and hold them against the signed anchors beside the keys; exit code 1: tampered with',
    )
    .action(verify);
};

const common = (command: Command): Command =>
  command
    .addOption(new Option('--env <name>', 'of which environment').choices([...environmentNames]).default('dev'))
    .option('--json', 'print it as JSON');

const listing = (command: Command): Command =>
  common(command)
    .option('--limit <n>', 'how many', atLeastOne, 50)
    .option('--since <moment>', 'not before this day or moment', momentIn);

const list = async ({ env, limit, who, since, json: asJson }: ListOptions): Promise<void> => {
  const entries = await withPool(loadEnvironment(env), (pool) => new PostgresAudit(pool).find({ limit, who, since }));
  if (asJson) return json(entries);
  const lines = entries.map(({ seq, at, who, account, what, row }) => ({
    seq,
    at: at.slice(0, 19),
    who: who ?? '',
    account,
    what,
    row,
  }));
  console.log(table(lines, limit));
};

type ReadOptions = Omit<ListOptions, 'who'> & { readonly principal?: string; readonly entity?: string };

const reads = async ({ env, limit, principal: who, entity, since, json: asJson }: ReadOptions): Promise<void> => {
  const question = { limit, who, entity, since };
  const found = await withPool(loadEnvironment(env), (pool) => new PostgresAuditReads(pool).find(question));
  if (asJson) return json(found);
  const lines = found.map(({ from, until, who: asker, roles, route, resource, status, count: times, entities }) => ({
    from: from.slice(0, 19),
    until: until.slice(11, 19),
    who: asker,
    roles: roles.join(', '),
    route,
    resource: resource ?? '',
    status,
    times,
    entities:
      entities.length > 3 ? `${entities.slice(0, 3).join(', ')} and ${entities.length - 3} more` : entities.join(', '),
  }));
  console.log(table(lines, limit));
};

const verify = async ({ env, json: asJson }: Options): Promise<void> => {
  const environment = loadEnvironment(env);
  const found = await withPool(environment, async (pool) => {
    const verdicts: Awaited<ReturnType<typeof verdictOf>>[] = [];
    for (const chain of chainsOf(pool, environment.keys, environment.name)) verdicts.push(await verdictOf(chain));
    return verdicts;
  });
  if (found.some(({ report }) => report.faults.length > 0)) process.exitCode = 1;
  if (asJson) {
    return json(
      Object.fromEntries(found.map(({ name, report, known }) => [name, { ...report, anchor: known ?? null }])),
    );
  }
  for (const { name, report, known } of found) {
    for (const { seq, why } of report.faults) console.log(`${pc.red('✘')} ${name}, row ${seq}: ${why}`);
    const against = known
      ? `the anchor of ${known.at.slice(0, 19)} (row ${known.seq})`
      : 'no anchor: this was the first look';
    if (report.faults.length === 0)
      console.log(`${pc.green('✔')} ${name}: ${count(report.rows)} rows of ${env} hold, against ${against}`);
  }
};

const verdictOf = async ({ name, audit, anchor }: AnchoredChain) => {
  const known = anchor.read();
  return { name, known, report: await moveAnchor(audit, anchor, { whole: true, at: new Date() }) };
};

const withPool = async <T>(
  { admin, schema }: Environment,
  work: (pool: ReturnType<typeof openPool>) => Promise<T>,
): Promise<T> => {
  const pool = openPool(admin, { max: 1, schema });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
};

const atLeastOne = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('a whole number from 1');
};

const momentIn = (text: string): string => {
  const moment = new Date(text);
  if (!Number.isNaN(moment.getTime())) return moment.toISOString();
  throw new InvalidArgumentError('a day or a moment, as 2026-01-31 or 2026-01-31T08:00:00Z');
};
