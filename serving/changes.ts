// Hears from Postgres what memory must not go on believing: a champion that moved, a view whose online rows were renewed.
import { listen } from '../adapters/postgres/listen.ts';
import { FEATURES_CHANNEL } from '../adapters/postgres/online-store.ts';
import type { PostgresAddress } from '../adapters/postgres/pool.ts';
import type { ModelKeeper } from './keeper.ts';
import type { Log } from './ports.ts';
import type { FeatureCache } from './scoring/feature-cache.ts';

const PROMOTIONS = 'perennial_alias';

export interface Believers {
  readonly keeper: Pick<ModelKeeper, 'look'>;
  readonly features: Pick<FeatureCache, 'forget'>;
  readonly log: Log;
}

/** Returns the function that stops it. */
export const hearChanges = (postgres: PostgresAddress, { keeper, features, log }: Believers): (() => Promise<void>) => {
  // Whatever was sent while nobody listened is lost: then everything counts as changed.
  const deaf = (error: Error) => {
    features.forget();
    log.warn({ reason: error.message }, 'Not listening for changes; polling goes on');
  };
  const promoted = () => {
    features.forget();
    void keeper.look();
  };
  // Sent with the name of a view, with or without its environment's schema before it.
  const renewed = (notice: string) => features.forget(notice.slice(notice.lastIndexOf('/') + 1));
  const silences = [listen(postgres, PROMOTIONS, promoted, deaf), listen(postgres, FEATURES_CHANNEL, renewed, deaf)];
  return async () => {
    await Promise.all(silences.map((silence) => silence()));
  };
};
