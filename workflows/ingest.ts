// Files → bronze: discover what is new, then one commit per chunk of files.
import * as wf from '@temporalio/workflow';
import type { Ingested } from '../activities/ingest/chunk.ts';
import type { IngestSummary } from '../core/run.ts';
import { compute, type Patience } from './proxies.ts';
import { partsOf } from './stage-board.ts';

export interface IngestInput extends Patience {
  readonly useCase: string;
  readonly path: string;
  readonly source?: string;
  /** When these files became known (ISO time); default: when this workflow started. */
  readonly knownAt?: string;
}

/** Chunks in the queue at once: a worker reads the next while it commits one, and several workers read several. */
const AT_ONCE = 4;
/** Refused files that the summary names. */
const REFUSED = 10;

/** Ingests a path. Files the ledger knows add nothing. */
export async function ingest(input: IngestInput): Promise<IngestSummary> {
  const steps = compute(input);
  const knownAt = input.knownAt ?? wf.workflowInfo().startTime.toISOString();
  const found = await steps.discoverFiles.executeWithOptions({ summary: `look through ${input.path}` }, [
    { useCase: input.useCase, path: input.path, ...(input.source === undefined ? {} : { source: input.source }) },
  ]);
  const landed: Ingested[] = [];
  const waiting = Array.from({ length: found.chunks }, (_, chunk) => chunk).values();
  const part = partsOf(found.chunks);
  const named = (chunk: number) => `chunk ${chunk + 1} of ${found.chunks}`;
  let done = 0;
  const show = () => {
    if (done < found.chunks) part(done, `${named(done)}, ${found.files} files`);
  };
  show();
  const lane = async () => {
    for (const chunk of waiting) {
      const request = { manifest: found.manifest, chunk, knownAt };
      landed[chunk] = await steps.ingestChunk.executeWithOptions({ summary: named(chunk) }, [request]);
      done += 1;
      show();
    }
  };
  // Runs that began earlier brought in one after the other.
  const lanes = wf.patched('chunks side by side') ? AT_ONCE : 1;
  await Promise.all(Array.from({ length: lanes }, lane));
  const sum = (of: (one: Ingested) => number) => landed.reduce((all, one) => all + of(one), 0);
  const { files, known, notes, source } = found;
  return {
    files,
    known,
    notes,
    source,
    rowsIn: sum(({ rowsIn }) => rowsIn),
    loaded: sum(({ loaded }) => loaded),
    quarantined: sum(({ quarantined }) => quarantined),
    refused: landed.flatMap(({ refused }) => refused).slice(0, REFUSED),
  };
}
