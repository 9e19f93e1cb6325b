// The feature store behind the API: which view a name means, and its rows in Postgres.
import type { PostgresFeatureRegistry } from '../adapters/postgres/feature-registry.ts';
import type { PostgresOnlineStore, WrittenRow } from '../adapters/postgres/online-store.ts';
import { PerennialError } from '../core/errors.ts';
import { onlineName } from '../core/feature-version.ts';
import type { Feature, PushedView } from '../core/feature-view.ts';
import type { OnlineFeatures } from './ports.ts';
import { unavailable } from './scoring/feature-cache.ts';

/** A view as it is online. */
export interface OnlineView {
  readonly view: string;
  /** Null for a view that is folded from a stream. */
  readonly version: string | null;
  /** Names its rows. */
  readonly name: string;
  readonly features: readonly Pick<Feature, 'name' | 'kind'>[];
  /** Of a fold; that of a version is known where its rows are. */
  readonly ttlDays?: number | undefined;
}

export interface FeatureStore {
  /** The newest version of a view, or the one named as `view@version`. */
  view(name: string): Promise<OnlineView>;
  read(view: OnlineView, entity: string): Promise<OnlineFeatures | undefined>;
  /** Returns how many rows changed; an older row changes nothing. */
  push(view: OnlineView, rows: readonly WrittenRow[]): Promise<number>;
}

export const postgresFeatureStore = (
  registry: Pick<PostgresFeatureRegistry, 'versions'>,
  online: Pick<PostgresOnlineStore, 'read' | 'push'>,
  folds: readonly PushedView[],
): FeatureStore => ({
  view: async (asked) => {
    const [name = '', version] = asked.split('@');
    const fold = folds.find((candidate) => candidate.name === name);
    if (fold && version === undefined) return foldOnline(fold);
    const versions = await away(() => registry.versions(name));
    const found = versions.find((candidate) => version === undefined || candidate.version === version);
    if (found) return { view: name, version: found.version, name: onlineName(found), features: found.features };
    throw new PerennialError('UNKNOWN_NAME', 'No such feature view is online', {
      field: 'view',
      value: asked,
      mend: 'See `perennial features`; a view is online after its first materialisation',
    });
  },
  read: async ({ name, ttlDays }, entity) => (await away(() => online.read(name, [entity], ttlDays))).get(entity),
  push: ({ name, version }, rows) => away(() => online.push(name, rows, { moves: version === null })),
});

const foldOnline = ({ name: view, table: name, features, ttlDays }: PushedView): OnlineView => ({
  view,
  version: null,
  name,
  features,
  ttlDays,
});

const away = <T>(work: () => Promise<T>): Promise<T> =>
  work().catch((cause: unknown) => {
    throw unavailable(cause);
  });
