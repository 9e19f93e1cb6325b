// Answers made ahead, beside the online features they were made of (`migrations/000016_precomputed.sql`): scoring writes them, the API
// reads them. The pool's search_path names the environment's schema.
import type { Pool } from 'pg';
import type { FeatureValue } from '../../core/feature-value.ts';
import { oldestSql, ttlSql } from './online-store.ts';
import { inTransaction } from './transaction.ts';

/** What the answers of one version have in common. */
export interface PrecomputedSet {
  /** As it is registered. */
  readonly model: string;
  readonly version: number;
  readonly packageSha256: string;
  /** Name in the online store of the features that feed it. */
  readonly view: string;
  /** In the order of the model's input. */
  readonly features: readonly string[];
}

/** Online features of which no answer was made yet. */
export interface PendingRow {
  readonly entity: string;
  readonly values: Readonly<Record<string, FeatureValue>>;
  /** What the store has to know them by again; read as text, so that nothing is rounded. */
  readonly mark: {
    readonly eventTime: string;
    readonly knownAt: string;
    readonly md5: string;
    readonly readAt: string;
  };
}

export interface PrecomputedRow extends Pick<PendingRow, 'entity' | 'mark'> {
  readonly probability: number;
}

/** An answer made ahead by the present champion of the features that are online now. */
export interface PrecomputedAnswer extends Omit<PrecomputedSet, 'model'> {
  readonly probability: number;
  readonly values: Readonly<Record<string, FeatureValue>>;
  readonly eventTime: string;
  readonly knownAt: string;
  readonly scoredAt: string;
}

export interface RankedAnswer {
  readonly entity: string;
  readonly probability: number;
  readonly eventTime: string;
  readonly knownAt: string;
  readonly scoredAt: string;
  /** False: newer features have come since. What expired is not ranked. */
  readonly current: boolean;
}

export interface Likeliest extends Pick<PrecomputedSet, 'version' | 'packageSha256'> {
  readonly answers: readonly RankedAnswer[];
}

/** The online row is the one that the answer was made of. */
const CURRENT =
  'f.event_time = p.event_time and f.known_at = p.known_at and md5(f."values"::text)::uuid = p.features_md5';

const OPEN = `
  insert into precomputed_sets (model, version, package_sha256, view, features) values ($1, $2, $3, $4, $5)
  on conflict (model, version) do nothing`;

// What nobody chose this time goes: its features may have changed since, and a ranking would hold it against those that were scored anew.
const DROP = `
  delete from precomputed_answers p where model = $1 and version = $2
    and not exists (select from unnest($3::text[]) as chosen (entity) where chosen.entity = p.entity)`;

const OLDEST = (view: string): string => oldestSql(view, ttlSql(view));
/** The online row speaks for its entity: `since` is the moment before which it does not, if there is one. */
const ALIVE = (since: string): string => `coalesce(f.event_time >= ${since}, true)`;

const PENDING = `
  select f.entity, f."values", f.event_time::text as event_time, f.known_at::text as known_at,
    md5(f."values"::text) as md5, statement_timestamp()::text as read_at
  from online_features f left join precomputed_answers p on p.model = $2 and p.version = $3 and p.entity = f.entity
  where f.view = $1 and f.entity = any($4::text[]) and (${CURRENT}) is not true and ${ALIVE(OLDEST('$1'))}
  order by f.entity`;

const UPSERT = `
  insert into precomputed_answers as old (model, version, entity, probability, event_time, known_at, features_md5, scored_at)
  select $1, $2, entity, probability, event_time, known_at, features_md5, scored_at
  from json_to_recordset($3::json) as given (entity text, probability double precision, event_time timestamptz,
    known_at timestamptz, features_md5 uuid, scored_at timestamptz)
  order by entity
  on conflict (model, version, entity) do update
    set probability = excluded.probability, event_time = excluded.event_time, known_at = excluded.known_at,
      features_md5 = excluded.features_md5, scored_at = excluded.scored_at
    where excluded.scored_at > old.scored_at`;

const CHAMPIONS = `precomputed_sets s join aliases a on a.model = s.model and a.version = s.version and a.alias = 'champion'`;

const FIND = {
  name: 'precomputed-find',
  text: `
  select s.version, s.package_sha256, s.view, s.features, p.probability, p.scored_at, f."values", f.event_time, f.known_at
  from ${CHAMPIONS}
    join precomputed_answers p on p.model = s.model and p.version = s.version and p.entity = $2
    join online_features f on f.view = s.view and f.entity = p.entity
  where s.model = $1 and ${CURRENT} and ${ALIVE(OLDEST('s.view'))}`,
};

const LIKELIEST = `
  with champion as materialized (
    select s.model, s.version, s.package_sha256, s.view, ${OLDEST('s.view')} as oldest from ${CHAMPIONS} where s.model = $1
  )
  select s.version, s.package_sha256, ranked.*
  from champion s left join lateral (
    select p.entity, p.probability, p.event_time, p.known_at, p.scored_at, coalesce(${CURRENT}, false) as current
    from precomputed_answers p left join online_features f on f.view = s.view and f.entity = p.entity
    where p.model = s.model and p.version = s.version and ${ALIVE('s.oldest')}
    order by p.probability desc, p.entity limit $2
  ) ranked on true
  order by ranked.probability desc, ranked.entity`;

/** Of versions that answer no more, once nobody has written to them for a while. */
const SUPERSEDED = `
  from precomputed_sets s
  where not exists (select from aliases a where a.model = s.model and a.version = s.version and a.alias = 'champion')
    and not exists (select from precomputed_answers p where p.model = s.model and p.version = s.version and p.scored_at >= $1)`;

interface FoundRow {
  readonly version: string;
  readonly package_sha256: string;
  readonly view: string;
  readonly features: string[];
  readonly probability: number;
  readonly values: Record<string, FeatureValue>;
  readonly event_time: Date;
  readonly known_at: Date;
  readonly scored_at: Date;
}
type RankedRow = Omit<FoundRow, 'view' | 'features' | 'values'> & {
  readonly entity: string | null;
  readonly current: boolean;
};

export class PostgresPrecomputed {
  private readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  /** From now on these are the entities whose answers are made ahead; those of others, by the same version, are dropped. */
  open({ model, version, packageSha256, view, features }: PrecomputedSet, entities: readonly string[]): Promise<void> {
    return inTransaction(this.pool, async (client) => {
      await client.query(OPEN, [model, version, packageSha256, view, features]);
      await client.query(DROP, [model, version, entities]);
    });
  }

  /** Those of the entities whose online features speak for them and have no answer yet, in their order. */
  async pending(
    { model, version, view }: Pick<PrecomputedSet, 'model' | 'version' | 'view'>,
    entities: readonly string[],
  ): Promise<readonly PendingRow[]> {
    const { rows } = await this.pool.query(PENDING, [view, model, version, entities]);
    return rows.map(({ entity, values, event_time: eventTime, known_at: knownAt, md5, read_at: readAt }) => ({
      entity,
      values,
      mark: { eventTime, knownAt, md5, readAt },
    }));
  }

  /** Returns how many rows changed: what was read earlier than what is there changes nothing. */
  async write(
    { model, version }: Pick<PrecomputedSet, 'model' | 'version'>,
    rows: readonly PrecomputedRow[],
  ): Promise<number> {
    const given = rows.map(({ entity, probability, mark }) => ({
      entity,
      probability,
      event_time: mark.eventTime,
      known_at: mark.knownAt,
      features_md5: mark.md5,
      scored_at: mark.readAt,
    }));
    return (await this.pool.query(UPSERT, [model, version, JSON.stringify(given)])).rowCount ?? 0;
  }

  /** Undefined where the present champion made none of the features that are online. */
  async find(model: string, entity: string): Promise<PrecomputedAnswer | undefined> {
    const { rows } = await this.pool.query<FoundRow>({ ...FIND, values: [model, entity] });
    const [row] = rows;
    return (
      row && {
        version: Number(row.version),
        packageSha256: row.package_sha256,
        view: row.view,
        features: row.features,
        probability: row.probability,
        values: row.values,
        eventTime: row.event_time.toISOString(),
        knownAt: row.known_at.toISOString(),
        scoredAt: row.scored_at.toISOString(),
      }
    );
  }

  /** The likeliest entities by the present champion; undefined where it has made no answers ahead. */
  async likeliest(model: string, count: number): Promise<Likeliest | undefined> {
    const { rows } = await this.pool.query<RankedRow>(LIKELIEST, [model, count]);
    const [first] = rows;
    if (!first) return undefined;
    const answers = rows.flatMap(({ entity, probability, event_time, known_at, scored_at, current }) =>
      entity === null
        ? []
        : [
            {
              entity,
              probability,
              eventTime: event_time.toISOString(),
              knownAt: known_at.toISOString(),
              scoredAt: scored_at.toISOString(),
              current,
            },
          ],
    );
    return { version: Number(first.version), packageSha256: first.package_sha256, answers };
  }

  /** Deletes the answers of versions that are champion no more and were last written before a moment; returns how many those were. */
  sweep(before: string, dryRun: boolean): Promise<number> {
    return inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<{ answers: string }>(
        `select count(*) as answers from precomputed_answers where (model, version) in (select s.model, s.version ${SUPERSEDED})`,
        [before],
      );
      if (!dryRun)
        await client.query(
          `delete from precomputed_sets where (model, version) in (select s.model, s.version ${SUPERSEDED})`,
          [before],
        );
      return Number(rows[0]?.answers ?? 0);
    });
  }
}
