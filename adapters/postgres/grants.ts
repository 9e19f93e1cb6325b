// What each role may do, as data: one row a table, one reach a role. Applied after every migration, whole. For the stack's preparation.
import type pg from 'pg';
import {
  type EnvironmentName,
  type Reach,
  type RoleAccount,
  reach,
  roleAccounts,
  roleOf,
  serviceOf,
} from '../../core/access.ts';
import { PerennialError } from '../../core/errors.ts';

interface TableRule {
  /** `registry`: says which models there are and why; `data`: may say something about a customer; `secret`: for those who write alone. */
  readonly kind: 'registry' | 'data' | 'secret';
  /** What the environment's service does with it; update always names its columns or none. */
  readonly write: string;
}

/** Every table of an environment's schema. A table without a row here stops the preparation. */
export const tableRules: Readonly<Record<string, TableRule>> = {
  migrations: { kind: 'data', write: 'select' },
  registered_models: { kind: 'registry', write: 'select, insert, update (last_version)' },
  model_versions: {
    kind: 'registry',
    write: 'select, insert, update (state, mlflow_run_id, mlflow_model_id, mlflow_version)',
  },
  aliases: { kind: 'registry', write: 'select, insert, update (version, revision)' },
  registry_events: { kind: 'registry', write: 'select, insert' },
  model_signatures: { kind: 'registry', write: 'select, insert' },
  mlflow_shown: { kind: 'registry', write: 'select, insert, update (value)' },
  mlflow_findings: { kind: 'registry', write: 'select, insert' },
  promotions: {
    kind: 'registry',
    write: 'select, insert, update (state, changed_at, evidence_sha256, headline, reasons, version)',
  },
  promotion_events: { kind: 'registry', write: 'select, insert' },
  promotion_decisions: { kind: 'registry', write: 'select, insert' },
  promotion_reminders: { kind: 'registry', write: 'select, insert' },
  data_tags: { kind: 'registry', write: 'select, insert' },
  data_tag_tables: { kind: 'registry', write: 'select, insert' },
  data_tag_events: { kind: 'registry', write: 'select, insert' },
  feature_views: { kind: 'registry', write: 'select, insert, update (materialized_at, ttl_days)' },
  online_features: { kind: 'data', write: 'select, insert, update' },
  online_generations: { kind: 'data', write: 'select, insert, update (generation, newest)' },
  online_watermarks: { kind: 'data', write: 'select, insert, update' },
  precomputed_sets: { kind: 'data', write: 'select, insert, delete' },
  precomputed_answers: { kind: 'data', write: 'select, insert, update, delete' },
  score_jobs: { kind: 'data', write: 'select, insert, update, delete' },
  score_job_chunks: { kind: 'data', write: 'select, insert, update' },
  predictions: { kind: 'data', write: 'select, insert, update (batch), delete' },
  prediction_flushes: { kind: 'data', write: 'select, insert, delete' },
  published_reports: { kind: 'data', write: 'select, insert, update' },
  upkeep_events: { kind: 'data', write: 'select, insert' },
  api_keys: { kind: 'secret', write: 'select, insert, update (revoked_at, revoked_by, revoked_why)' },
  refresh_tokens: { kind: 'secret', write: 'select, insert, update (used_at, revoked_at), delete' },
  issued_tokens: { kind: 'data', write: 'select, insert' },
  rate_limits: { kind: 'secret', write: 'select, insert, update, delete' },
  audit_log: { kind: 'data', write: 'select' },
  // Their triggers say what is written, whatever is given; what expires is deleted by the owner's rights alone.
  audit_reads: { kind: 'data', write: 'select, insert' },
  audit_read_expiries: { kind: 'data', write: 'select, insert' },
  steps: { kind: 'data', write: 'select, insert, update (stage)' },
};

const LAKE_VERBS = 'select, insert, update, delete';

export interface Walls {
  readonly environment: EnvironmentName;
  /** The environment's tables; they belong to the owner. */
  readonly schema: string;
  /** DuckLake's catalog, which makes its own tables; it belongs to the environment's service. */
  readonly lakeSchema: string;
}

/** Takes from every role what it had and gives it what the rules say, in one transaction. The client is the owner's. */
export const applyGrants = async (client: pg.Client, walls: readonly Walls[]): Promise<void> => {
  await client.query('begin');
  try {
    await client.query(`select pg_advisory_xact_lock(hashtextextended('perennial grants', 0))`);
    await client.query(databaseGrants(client));
    for (const wall of walls) {
      await client.query(schemaGrants(client, wall, await ruledTables(client, wall)));
      await client.query(await lakeGrants(client, wall));
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
};

const everyRole = (client: pg.Client): string =>
  roleAccounts.map((account) => client.escapeIdentifier(roleOf(account))).join(', ');

/** Who reaches an environment how far, its own service first. */
const reachers = (
  client: pg.Client,
  environment: EnvironmentName,
): readonly { role: string; how: Reach; own: boolean }[] =>
  (Object.entries(reach[environment]) as [RoleAccount, Reach][]).map(([account, how]) => ({
    role: client.escapeIdentifier(roleOf(account)),
    how,
    own: account === serviceOf(environment),
  }));

const databaseGrants = (client: pg.Client): string => {
  const database = client.escapeIdentifier(client.database ?? '');
  const inside = roleAccounts.filter((account) => account !== 'mlflow');
  return `
    revoke all on database ${database} from public, ${everyRole(client)};
    revoke all on schema public from public, ${everyRole(client)};
    grant connect on database ${database} to ${inside.map((account) => client.escapeIdentifier(roleOf(account))).join(', ')};`;
};

const schemaGrants = (client: pg.Client, { environment, schema }: Walls, tables: readonly RuledTable[]): string => {
  const space = client.escapeIdentifier(schema);
  const given = reachers(client, environment).flatMap(({ role, how }) => [
    `grant usage on schema ${space} to ${role};`,
    ...tables.flatMap(({ table, rule }) => {
      const verbs = verbsOf(rule, how);
      return verbs === undefined ? [] : [`grant ${verbs} on ${space}.${client.escapeIdentifier(table)} to ${role};`];
    }),
  ]);
  return `
    revoke all on schema ${space} from public, ${everyRole(client)};
    revoke all on all tables in schema ${space} from public, ${everyRole(client)};
    revoke all on all sequences in schema ${space} from public, ${everyRole(client)};
    revoke all on all functions in schema ${space} from public, ${everyRole(client)};
    ${given.join('\n')}`;
};

const verbsOf = ({ kind, write }: TableRule, how: Reach): string | undefined => {
  if (how === 'write') return write;
  if (kind === 'secret') return undefined;
  return how === 'read' || kind === 'registry' ? 'select' : undefined;
};

// Tables that DuckLake is still to make get their grants by default privileges of the role that makes them.
const lakeGrants = async (client: pg.Client, { environment, lakeSchema }: Walls): Promise<string> => {
  const space = client.escapeIdentifier(lakeSchema);
  const service = client.escapeIdentifier(roleOf(serviceOf(environment)));
  const others = roleAccounts.filter((account) => account !== serviceOf(environment));
  const strangers = ['public', ...others.map((account) => client.escapeIdentifier(roleOf(account)))].join(', ');
  const defaults = `alter default privileges for role ${service} in schema ${space}`;
  const given = reachers(client, environment).flatMap(({ role, how, own }) => {
    if (own || how === 'registry') return [];
    const verbs = how === 'write' ? LAKE_VERBS : 'select';
    return [
      `grant usage on schema ${space} to ${role};`,
      `grant ${verbs} on all tables in schema ${space} to ${role};`,
      `${defaults} grant ${verbs} on tables to ${role};`,
    ];
  });
  await client.query(`create schema if not exists ${space} authorization ${service}`);
  return `
    ${(await strayOwners(client, lakeSchema, service)).join('\n')}
    revoke all on schema ${space} from ${strangers};
    revoke all on all tables in schema ${space} from ${strangers};
    ${defaults} revoke all on tables from ${strangers};
    ${given.join('\n')}`;
};

/** Statements that hand a schema and its tables, made before there were roles, to the role they belong to. */
export const strayOwners = async (client: pg.Client, schema: string, owner: string): Promise<string[]> => {
  const space = client.escapeIdentifier(schema);
  const { rows } = await client.query<{ name: string | null; kind: string }>(
    `select null as name, 'schema' as kind from pg_namespace where nspname = $1 and nspowner <> $2::regrole
     union all
     select relname, case relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end from pg_class
     where relnamespace = to_regnamespace($3) and relowner <> $2::regrole and relkind in ('r', 'p', 'v', 'S')
       and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype in ('a', 'i'))`,
    [schema, owner, space],
  );
  return rows.map(({ name, kind }) =>
    name === null
      ? `alter schema ${space} owner to ${owner};`
      : `alter ${kind} ${space}.${client.escapeIdentifier(name)} owner to ${owner};`,
  );
};

interface RuledTable {
  readonly table: string;
  readonly rule: TableRule;
}

// A table that nobody thought of is closed to all, and the first to notice would be a run: so it is said here.
const ruledTables = async (client: pg.Client, { schema }: Walls): Promise<readonly RuledTable[]> => {
  const { rows } = await client.query<{ table: string }>(
    'select tablename as "table" from pg_tables where schemaname = $1 order by 1',
    [schema],
  );
  return rows.map(({ table }) => {
    const rule = Object.hasOwn(tableRules, table) ? tableRules[table] : undefined;
    if (rule !== undefined) return { table, rule };
    throw new PerennialError('CONTRACT_BROKEN', 'A table has no grants', {
      field: 'table',
      value: `${schema}.${table}`,
      mend: 'Give it a row in adapters/postgres/grants.ts.',
    });
  });
};
