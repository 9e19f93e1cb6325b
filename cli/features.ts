// The feature views of an environment as a reader finds them: what the code says, what is online, and which model versions use them.
import type { Pool } from 'pg';
import { z } from 'zod';
import { planTables } from '../activities/plan.ts';
import { type OnlineExtent, PostgresFeatureRegistry } from '../adapters/postgres/feature-registry.ts';
import { openPool } from '../adapters/postgres/pool.ts';
import { PostgresRegistry, type RegisteredVersion } from '../adapters/postgres/registry.ts';
import { PerennialError } from '../core/errors.ts';
import { onlineName, type VersionedView, versioned } from '../core/feature-version.ts';
import type { PushedView } from '../core/feature-view.ts';
import type { SqlSession } from '../core/sql.ts';
import type { UseCase } from '../core/use-case.ts';
import type { Environment } from '../environments/environment.ts';
import { useCases } from '../models/index.ts';
import { type Reader, unlessClosed } from './lake.ts';

/** A version of a view that is in the online store. */
export interface OnlineVersion extends OnlineExtent {
  /** Null where rows have none: they were folded from a stream, or are from before there were versions. */
  readonly version: string | null;
  /** Whether it is what the code says now. */
  readonly current: boolean;
  /** Now − newest event_time; null without rows. */
  readonly ageSeconds: number | null;
}

export interface ViewUser {
  readonly model: string;
  readonly version: number;
  readonly state: string;
  readonly champion: boolean;
  /** Version of the view that it pins. */
  readonly pins: string | null;
  readonly service: string | null;
}

export interface ListedView {
  readonly useCase: string;
  readonly view: string;
  readonly kind: 'table' | 'fold';
  /** As the code says now; null for folds. */
  readonly version: string | null;
  readonly table: string;
  readonly entity: string;
  readonly owner: string | null;
  readonly ttlDays: number | null;
  readonly tags: readonly string[];
  readonly description: string | null;
  readonly features: readonly { readonly name: string; readonly kind: string; readonly description: string }[];
  readonly services: readonly string[];
  readonly online: readonly OnlineVersion[];
  readonly models: readonly ViewUser[];
}

/** Every view of the catalogue, versioned by its SQL; the session parses it and reads nothing. */
export const catalogueViews = async (
  db: SqlSession,
): Promise<{ useCase: UseCase; view: VersionedView; kind: ListedView['kind'] }[]> => {
  const found: { useCase: UseCase; view: VersionedView; kind: ListedView['kind'] }[] = [];
  for (const useCase of useCases) {
    const tables = await planTables(db, useCase);
    found.push(
      ...useCase.featureViews.map((view) => ({ useCase, view: versioned(view, tables), kind: 'table' as const })),
      ...(useCase.folds ?? []).map((view: PushedView) => ({ useCase, view, kind: 'fold' as const })),
    );
  }
  return found;
};

export const viewNamed = async (db: SqlSession, name: string) => {
  const all = await catalogueViews(db);
  const found = all.find(({ view }) => view.name === name);
  if (found) return found;
  const mend = `Known: ${all.map(({ view }) => view.name).join(', ')}`;
  throw new PerennialError('UNKNOWN_NAME', 'No such feature view', { field: 'view', value: name, mend });
};

/** What the environment's Postgres says of the views. */
export const listViews = async (
  environment: Environment,
  reader: Reader,
  views: Awaited<ReturnType<typeof catalogueViews>>,
  now: number,
): Promise<ListedView[]> => {
  const pool = openPool(environment[reader], { max: 2, schema: environment.schema });
  try {
    return await unlessClosed(`The online store of ${environment.name} is`, reader, listed(pool, views, now));
  } finally {
    await pool.end();
  }
};

const listed = async (pool: Pool, views: Awaited<ReturnType<typeof catalogueViews>>, now: number) => {
  const versions = await modelVersions(new PostgresRegistry(pool));
  const found: ListedView[] = [];
  for (const { useCase, view, kind } of views) {
    const models = versions.flatMap((version) => userOf(version, useCase.name, view));
    found.push({ ...described(useCase, view, kind), online: await onlineOf(pool, view, now), models });
  }
  return found;
};

const described = ({ name, featureServices = [] }: UseCase, view: VersionedView, kind: ListedView['kind']) => ({
  useCase: name,
  view: view.name,
  kind,
  version: view.version ?? null,
  table: view.table,
  entity: view.entity,
  owner: view.owner ?? null,
  ttlDays: view.ttlDays ?? null,
  tags: view.tags ?? [],
  description: view.description ?? null,
  features: view.features,
  services: featureServices.filter((service) => service.view === view.name).map((service) => service.name),
});

const onlineOf = async (pool: Pool, view: VersionedView, now: number): Promise<OnlineVersion[]> => {
  const registry = new PostgresFeatureRegistry(pool);
  const known = await registry.versions(view.name);
  const named = [...known.map(({ version, table }) => ({ version, table })), { version: null, table: view.table }];
  const found: OnlineVersion[] = [];
  for (const { version, table } of named) {
    const extent = await registry.extent(onlineName({ table, version: version ?? undefined }));
    if (extent.rows === 0 && version === null) continue;
    const ageSeconds = extent.eventTime === null ? null : Math.round((now - Date.parse(extent.eventTime)) / 1000);
    found.push({ version, current: version === (view.version ?? null), ageSeconds, ...extent });
  }
  return found;
};

type Version = RegisteredVersion & { readonly champion: boolean };

const modelVersions = async (registry: PostgresRegistry): Promise<Version[]> => {
  const names = useCases.flatMap(({ name, models }) => models.map((model) => `${name}/${model.name}`));
  const all: Version[] = [];
  for (const name of names) {
    const champion = (await registry.champion(name))?.version;
    all.push(...(await registry.versions(name)).map((one) => ({ ...one, champion: one.version === champion })));
  }
  return all;
};

/** What of a version's lineage says which features it reads; older versions name the table alone. */
const Reads = z.object({
  features: z.object({ view: z.string(), version: z.string(), service: z.string().optional() }).optional(),
  inputs: z.array(z.object({ table: z.string() })).default([]),
});

const userOf = (one: Version, useCase: string, view: VersionedView): ViewUser[] => {
  const reads = Reads.safeParse(one.lineage);
  if (!reads.success || !one.model.startsWith(`${useCase}/`)) return [];
  const { features, inputs } = reads.data;
  if (features ? features.view !== view.name : inputs[0]?.table !== view.table) return [];
  const { model, version, state, champion } = one;
  return [{ model, version, state, champion, pins: features?.version ?? null, service: features?.service ?? null }];
};
