// What a refresh can bring up to date: the use cases that the lake holds data of. A schedule must not generate a sample in prod.
import { z } from 'zod';
import type { RefreshInput } from '../core/refresh.ts';
import { useCaseNamed } from '../core/use-case.ts';
import type { Deps } from './deps.ts';
import { framed } from './heartbeat.ts';
import { LEDGER } from './ingest/ledger.ts';
import { withLake } from './lake-session.ts';
import { parsed } from './parsed.ts';

const refreshInput = z.strictObject({
  useCases: z.array(z.string()).min(1).optional(),
  train: z.boolean().default(true),
  lostAfterSeconds: z.int().min(2).max(3_600).optional(),
});

export interface Refreshable {
  readonly useCases: readonly string[];
  /** Asked for, or known, but never ingested. */
  readonly without: readonly string[];
  readonly train: boolean;
}

export const createRefreshActivities = (deps: Deps) => ({
  planRefresh: (input: RefreshInput): Promise<Refreshable> =>
    framed(deps.crash, async ({ signal }) => {
      const { useCases: asked, train } = parsed(refreshInput, input ?? {}, EXAMPLE);
      const names = asked ?? deps.useCases.map(({ name }) => name);
      const wanted = names.map((name) => useCaseNamed(deps.useCases, name));
      const sources = await withLake(deps, signal, async (lake) => {
        const head = await lake.head(LEDGER);
        if (!head) return new Set<string>();
        await lake.pin([{ table: LEDGER, snapshot: head.snapshot }]);
        const rows = await lake.db.rows(`select distinct source from ${LEDGER} where status = 'loaded'`);
        return new Set(rows.map(({ source }) => String(source)));
      });
      const holds = (useCase: (typeof wanted)[number]) => useCase.sources.some(({ name }) => sources.has(name));
      return {
        useCases: wanted.filter(holds).map(({ name }) => name),
        without: wanted.filter((useCase) => !holds(useCase)).map(({ name }) => name),
        train,
      };
    }),
});

const EXAMPLE = 'A valid input: {}, or {"useCases":["ecommerce-intelligence"],"train":false}';
