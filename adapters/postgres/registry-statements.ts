// The registry's SQL, one statement a function, on a pool or inside a transaction.
import type { PoolClient } from 'pg';
import { PerennialError } from '../../core/errors.ts';
import { type VersionState, versionMayBecome } from '../../core/promotion/states.ts';
import type { AliasMove, NewVersion } from './registry.ts';
import {
  eventOf,
  type Holder,
  holderOf,
  type RegisteredVersion,
  type RegistryEvent,
  versionOf,
} from './registry-rows.ts';

type Queryable = Pick<PoolClient, 'query'>;

/** A version that holds an alias, with the alias's revision. */
export type Champion = RegisteredVersion & { readonly revision: number };

export const findChampion = async (on: Queryable, model: string, alias: string): Promise<Champion | undefined> => {
  const { rows } = await on.query<{ revision: string }>(
    `select model_versions.*, aliases.revision from aliases join model_versions using (model, version)
     where aliases.model = $1 and alias = $2`,
    [model, alias],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const { revision, ...version } = row;
  return { ...versionOf(version), revision: Number(revision) };
};

const EVENT = 'at, operation, kind, model, version, alias, before, after, by, why';

export const findByKey = async (on: Queryable, key: string): Promise<RegisteredVersion | undefined> => {
  const { rows } = await on.query('select * from model_versions where key = $1', [key]);
  return rows.length === 0 ? undefined : versionOf(rows[0]);
};

export const findHolder = async (on: Queryable, model: string, alias: string): Promise<Holder | null> => {
  const { rows } = await on.query('select version, revision from aliases where model = $1 and alias = $2', [
    model,
    alias,
  ]);
  return rows.length === 0 ? null : holderOf(rows[0]);
};

export const findEvent = async (on: Queryable, operation: string): Promise<RegistryEvent | undefined> => {
  const { rows } = await on.query(`select ${EVENT} from registry_events where operation = $1`, [operation]);
  return rows.length === 0 ? undefined : eventOf(rows[0]);
};

export const listEvents = async (on: Queryable, model: string): Promise<RegistryEvent[]> => {
  const { rows } = await on.query(`select ${EVENT} from registry_events where model = $1 order by position`, [model]);
  return rows.map(eventOf);
};

export const insertVersion = async (client: PoolClient, given: NewVersion): Promise<RegisteredVersion> => {
  const { rows } = await client.query(
    `with next as (
       update registered_models set last_version = last_version + 1 where model = $1 returning last_version
     )
     insert into model_versions (model, version, key, package_sha256, metrics, lineage, created_by, run_id)
     select $1, last_version, $2, $3, $4, $5, $6, $7 from next returning *`,
    [
      given.model,
      given.key,
      given.packageSha256,
      JSON.stringify(given.metrics),
      JSON.stringify(given.lineage),
      given.by,
      given.runId,
    ],
  );
  return versionOf(rows[0]);
};

export const setAlias = async (client: PoolClient, { model, alias, to }: AliasMove): Promise<number> => {
  const known = await client.query('select from model_versions where model = $1 and version = $2', [model, to]);
  if (known.rowCount === 0) throw unknownVersion({ model, version: to });
  const { rows } = await client.query<{ revision: string }>(
    `insert into aliases as old (model, alias, version) values ($1, $2, $3)
     on conflict (model, alias) do update set version = excluded.version, revision = old.revision + 1 returning revision`,
    [model, alias, to],
  );
  return Number(rows[0]?.revision);
};

export interface StateMove {
  readonly model: string;
  readonly version: number;
  readonly to: VersionState;
  /** Given: a version in any other state is left alone. */
  readonly from?: VersionState;
  readonly by: string;
  readonly why: string;
}

/** A version's next state with its audit row, inside a transaction. A version that has the state already is left alone. */
export const moveStateWithin = async (client: PoolClient, move: StateMove): Promise<void> => {
  const { model, version, to, by, why } = move;
  const { rows } = await client.query('select * from model_versions where model = $1 and version = $2 for update', [
    model,
    version,
  ]);
  if (rows.length === 0) throw unknownVersion(move);
  const { state: before } = versionOf(rows[0]);
  if (before === to || (move.from !== undefined && before !== move.from)) return;
  if (!versionMayBecome(before, to)) {
    const value = `${model} version ${version}`;
    throw new PerennialError('CONTRACT_BROKEN', `A version that is ${before} cannot become ${to}`, { value });
  }
  await client.query('update model_versions set state = $3 where model = $1 and version = $2', [model, version, to]);
  await record(client, { operation: null, kind: 'state moved', model, version, before, after: to, by, why });
};

type Entry = Omit<RegistryEvent, 'at' | 'alias' | 'before'> & { alias?: string; before?: string | null };

export const record = async (client: PoolClient, entry: Entry): Promise<void> => {
  const { operation, kind, model, version, alias = null, before = null, after, by, why } = entry;
  await client.query(
    `insert into registry_events (operation, kind, model, version, alias, before, after, by, why)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [operation, kind, model, version, alias, before, after, by, why],
  );
};

export const unknownVersion = ({ model, version }: { model: string; version: number }): PerennialError =>
  new PerennialError('UNKNOWN_NAME', `${model} has no version ${version}`, { field: 'version', value: version });
