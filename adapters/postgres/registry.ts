// The model registry of one environment: versions, aliases and their audit, for registration, promotion and serving. The pool's
// search_path names the environment's schema (`migrations/000002_registry.sql`). Every change and its audit row are one transaction.
import type { Pool, PoolClient } from 'pg';
import { PerennialError } from '../../core/errors.ts';
import { type Holder, type MlflowIds, type RegisteredVersion, type RegistryEvent, versionOf } from './registry-rows.ts';
import {
  type Champion,
  findByKey,
  findChampion,
  findEvent,
  findHolder,
  insertVersion,
  listEvents,
  moveStateWithin,
  record,
  type StateMove,
  setAlias,
  unknownVersion,
} from './registry-statements.ts';
import { inTransaction } from './transaction.ts';

export type { Holder, MlflowIds, RegisteredVersion, RegistryEvent, VersionState } from './registry-rows.ts';
export type { Champion, StateMove } from './registry-statements.ts';

export interface NewVersion {
  /** `<use case>/<model>`. */
  readonly model: string;
  /** Hash of all that determines the version: the same key is the same version. */
  readonly key: string;
  readonly packageSha256: string;
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly lineage: Readonly<Record<string, unknown>>;
  readonly by: string;
  readonly why: string;
  /** Workflow run that asks. */
  readonly runId: string;
}

export interface AliasMove {
  readonly model: string;
  readonly alias: string;
  /** Who must hold the alias now; null: nobody. */
  readonly from: number | null;
  readonly to: number;
  readonly by: string;
  readonly why: string;
  /** Names this deed: asked again, it answers what it did and does nothing. */
  readonly operation: string;
}

/** A refusal is a result: somebody else holds the alias. `holder` is who holds it now. */
export type AliasMoved =
  | { readonly moved: true; readonly repeated: boolean; readonly revision: number }
  | { readonly moved: false; readonly holder: Holder | null };

export class PostgresRegistry {
  private readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  /**
   * Registers a version under its key, at once or never. The same key again gives the same version, `created` false.
   * `HASH_MISMATCH` if the key is known with another package or model: then the key does not hold all that determines the version.
   */
  async registerVersion(given: NewVersion): Promise<{ version: RegisteredVersion; created: boolean }> {
    const known = await this.byKey(given.key);
    if (known) return { version: sameVersion(known, given), created: false };
    return inTransaction(this.pool, async (client) => {
      await client.query('insert into registered_models (model) values ($1) on conflict do nothing', [given.model]);
      // The counter's row lock orders all registrations of a model; what a rival wrote before us is visible to the next statement.
      await client.query('select from registered_models where model = $1 for update', [given.model]);
      const rival = await findByKey(client, given.key);
      if (rival) return { version: sameVersion(rival, given), created: false };
      const version = await insertVersion(client, given);
      const { model, key, by, why } = given;
      const operation = `register:${key}`;
      await record(client, {
        operation,
        kind: 'version registered',
        model,
        version: version.version,
        by,
        why,
        after: 'pending',
      });
      return { version, created: true };
    });
  }

  /**
   * Moves an alias if `from` still holds it. Of any number of concurrent moves from one holder exactly one succeeds.
   * `also` happens with the move or not at all.
   */
  async moveAlias(
    move: AliasMove,
    also: (client: PoolClient) => Promise<unknown> = async () => undefined,
  ): Promise<AliasMoved> {
    return inTransaction(this.pool, async (client) => {
      // Orders the moves of one alias, also of one that does not exist yet and so has no row to lock.
      await client.query(
        `select pg_advisory_xact_lock(hashtextextended(current_schema || '/' || $1 || '@' || $2, 0))`,
        [move.model, move.alias],
      );
      const done = await findEvent(client, move.operation);
      const holder = await findHolder(client, move.model, move.alias);
      if (done) return repeated(done, move, holder);
      if ((holder?.version ?? null) !== move.from) return { moved: false, holder };
      const revision = await setAlias(client, move);
      const { operation, model, alias, by, why, from, to } = move;
      const before = from === null ? null : String(from);
      await record(client, {
        operation,
        kind: 'alias moved',
        model,
        version: to,
        alias,
        before,
        after: String(to),
        by,
        why,
      });
      await also(client);
      return { moved: true, repeated: false, revision };
    });
  }

  /** Moves a version to its next state; one that has it already is left alone. `CONTRACT_BROKEN` where that state may not follow. */
  async moveState(move: StateMove): Promise<void> {
    await inTransaction(this.pool, (client) => moveStateWithin(client, move));
  }

  /** Notes where MLflow shows a version. Noting the same again changes nothing and is not audited again. */
  async recordMlflow(at: { model: string; version: number; by: string }, ids: MlflowIds): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      const { rows } = await client.query('select * from model_versions where model = $1 and version = $2 for update', [
        at.model,
        at.version,
      ]);
      if (rows.length === 0) throw unknownVersion(at);
      const { mlflow } = versionOf(rows[0]);
      const before = mlflow && textOf(mlflow);
      const after = textOf(ids);
      if (before === after) return;
      await client.query(
        'update model_versions set mlflow_run_id = $3, mlflow_model_id = $4, mlflow_version = $5 where model = $1 and version = $2',
        [at.model, at.version, ids.runId, ids.modelId, ids.version],
      );
      await record(client, { ...at, operation: null, kind: 'mlflow recorded', before, after, why: 'shown in MLflow' });
    });
  }

  /** The version an alias names, with the alias's revision; undefined where nobody holds it. */
  async champion(model: string, alias = 'champion'): Promise<Champion | undefined> {
    return findChampion(this.pool, model, alias);
  }

  /** All versions of a model, the newest first. */
  async versions(model: string): Promise<RegisteredVersion[]> {
    const { rows } = await this.pool.query('select * from model_versions where model = $1 order by version desc', [
      model,
    ]);
    return rows.map(versionOf);
  }

  /** The version registered under a key. */
  async byKey(key: string): Promise<RegisteredVersion | undefined> {
    return findByKey(this.pool, key);
  }

  /** What an operation did, if it was done. */
  async event(operation: string): Promise<RegistryEvent | undefined> {
    return findEvent(this.pool, operation);
  }

  /** Everything that happened to a model, in order. */
  async events(model: string): Promise<RegistryEvent[]> {
    return listEvents(this.pool, model);
  }

  /**
   * Runs `work` while nobody else in this environment runs work of that name; a process that dies gives the name free.
   * What `work` wants to know it asks of `held`, on the connection that holds the name: the pool may be taken by those who wait.
   */
  async exclusively<T>(name: string, work: (held: Pick<PostgresRegistry, 'champion'>) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | boolean = true;
    try {
      await client.query(`select pg_advisory_lock(hashtextextended(current_schema || '!' || $1, 0))`, [name]);
      const result = await work({ champion: (model, alias = 'champion') => findChampion(client, model, alias) });
      await client.query(`select pg_advisory_unlock(hashtextextended(current_schema || '!' || $1, 0))`, [name]);
      broken = false;
      return result;
    } finally {
      client.release(broken);
    }
  }
}

/** The answer to a deed that was done before; its name must not have served another deed. */
const repeated = (
  done: RegistryEvent,
  { model, alias, to, operation }: AliasMove,
  holder: Holder | null,
): AliasMoved => {
  if (done.model === model && done.alias === alias && done.after === String(to)) {
    return { moved: true, repeated: true, revision: holder?.revision ?? 0 };
  }
  throw new PerennialError('INVALID_INPUT', 'One operation, two deeds', { field: 'operation', value: operation });
};

const sameVersion = (known: RegisteredVersion, given: NewVersion): RegisteredVersion => {
  if (known.model === given.model && known.packageSha256 === given.packageSha256) return known;
  const value = `${given.model} ${given.packageSha256}, known as ${known.model} ${known.packageSha256}`;
  const mend = 'Something that determines the model is missing in its key';
  throw new PerennialError('HASH_MISMATCH', 'One key, two packages', { field: 'key', value, mend });
};

const textOf = ({ runId, modelId, version }: MlflowIds): string => `run ${runId}, model ${modelId}, version ${version}`;
