// Files → bronze: discover what is new, then one commit per chunk of files.
import * as wf from '@temporalio/workflow';
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

/** Ingests a path. Files the ledger knows add nothing. */
export async function ingest(input: IngestInput): Promise<IngestSummary> {
  const steps = compute(input);
  const knownAt = input.knownAt ?? wf.workflowInfo().startTime.toISOString();
  const found = await steps.discoverFiles.executeWithOptions({ summary: `look through ${input.path}` }, [
    { useCase: input.useCase, path: input.path, ...(input.source === undefined ? {} : { source: input.source }) },
  ]);
  const total = { rowsIn: 0, loaded: 0, quarantined: 0, refused: [] as string[] };
  const part = partsOf(found.chunks);
  for (let chunk = 0; chunk < found.chunks; chunk++) {
    part(chunk, `chunk ${chunk + 1} of ${found.chunks}, ${found.files} files`);
    const landed = await steps.ingestChunk.executeWithOptions({ summary: `chunk ${chunk + 1} of ${found.chunks}` }, [
      { manifest: found.manifest, chunk, knownAt },
    ]);
    total.rowsIn += landed.rowsIn;
    total.loaded += landed.loaded;
    total.quarantined += landed.quarantined;
    total.refused.push(...landed.refused);
  }
  const { files, known, notes, source } = found;
  return { files, known, notes, source, ...total, refused: total.refused.slice(0, 10) };
}
