// The activities of ingestion as Temporal sees them: look through a path, then bring in one chunk of new files at a time.
import type { ArtifactRef } from '../core/artifact.ts';
import { useCaseNamed } from '../core/use-case.ts';
import type { Deps } from './deps.ts';
import { framed } from './heartbeat.ts';
import { type Ingested, ingestOne } from './ingest/chunk.ts';
import { type Discovered, type DiscoverInput, discover, sourceNamed } from './ingest/discover.ts';
import { readChunk } from './ingest/manifest.ts';
import { withLake } from './lake-session.ts';

export interface IngestChunkInput {
  readonly manifest: ArtifactRef;
  readonly chunk: number;
  /** ISO time at which these files became known; carried, never recomputed. */
  readonly knownAt: string;
}

export const createIngestActivities = (deps: Deps) => ({
  /** Which files below a path the ledger does not know yet. Reads every byte once, to hash it. */
  discoverFiles: (input: DiscoverInput): Promise<Discovered> =>
    framed(deps.crash, ({ signal, onProgress }) =>
      withLake(deps, signal, (lake) =>
        discover(
          { lake, artifacts: deps.artifacts, stage: deps.settings.stage },
          useCaseNamed(deps.useCases, input.useCase),
          input,
          { signal, onProgress },
        ),
      ),
    ),

  /** One commit: the accepted rows, the quarantine, the ledger. */
  ingestChunk: (input: IngestChunkInput): Promise<Ingested> =>
    framed(deps.crash, async ({ signal, onProgress, lineage }) => {
      const chunk = await readChunk(deps.artifacts, input.manifest, input.chunk);
      const source = sourceNamed(useCaseNamed(deps.useCases, chunk.useCase), chunk.source);
      return withLake(deps, signal, (lake) =>
        ingestOne(
          { lake, duckdb: deps.settings.duckdb, stage: deps.settings.stage },
          source,
          chunk,
          { knownAt: input.knownAt, lineage },
          { signal, onProgress },
        ),
      );
    }),
});
