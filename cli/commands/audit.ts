// `perennial audit`: who changed what in an environment, and whether that record is still the one that was written.
import { type Command, Option } from 'commander';
import pc from 'picocolors';
import { PostgresAudit } from '../../adapters/postgres/audit.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { AuditEntry } from '../../core/audit.ts';
import { type Environment, environmentNames, loadEnvironment } from '../../environments/environment.ts';
import { anchorIn, moveAnchor } from '../../serving/access/anchor.ts';
import { count, json, table } from '../output.ts';

interface Options {
  readonly env: string;
  readonly json?: boolean;
}

export const register = (program: Command): void => {
  const audit = program
    .command('audit')
    .description('who changed what in an environment: list it, or verify that nobody changed the record');
  common(audit.command('list'))
    .description('the newest changes of registry, promotions, data versions, signatures, API keys and tokens')
    .option('--limit <n>', 'how many', Number, 50)
    .action(list);
  common(audit.command('verify'))
    .description(
      'follow the chain of hashes to its end and hold it against the signed anchor beside the keys; exit code 1: it was tampered with',
    )
    .action(verify);
};

const common = (command: Command): Command =>
  command
    .addOption(new Option('--env <name>', 'of which environment').choices([...environmentNames]).default('dev'))
    .option('--json', 'print it as JSON');

const list = async ({ env, limit, json: asJson }: Options & { readonly limit: number }): Promise<void> => {
  const rows = await withAudit(loadEnvironment(env), (audit) => audit.newest(limit));
  const entries = rows.map(({ entry }) => AuditEntry.parse(JSON.parse(entry)));
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

const verify = async ({ env, json: asJson }: Options): Promise<void> => {
  const environment = loadEnvironment(env);
  const anchor = anchorIn(environment.keys, environment.name);
  const known = anchor.read();
  const report = await withAudit(environment, (audit) => moveAnchor(audit, anchor, { whole: true, at: new Date() }));
  if (report.faults.length > 0) process.exitCode = 1;
  if (asJson) return json({ ...report, anchor: known ?? null });
  for (const { seq, why } of report.faults) console.log(`${pc.red('✘')} row ${seq}: ${why}`);
  const against = known
    ? `the anchor of ${known.at.slice(0, 19)} (row ${known.seq})`
    : 'no anchor: this was the first look';
  if (report.faults.length === 0)
    console.log(`${pc.green('✔')} ${count(report.rows)} rows of ${env} hold, against ${against}`);
};

const withAudit = async <T>({ admin, schema }: Environment, work: (audit: PostgresAudit) => Promise<T>): Promise<T> => {
  const pool = openPool(admin, { max: 1, schema });
  try {
    return await work(new PostgresAudit(pool));
  } finally {
    await pool.end();
  }
};
