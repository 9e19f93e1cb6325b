// The log of predictions goes to the lake, where monitoring and delayed labels meet it.
import * as wf from '@temporalio/workflow';
import type { CollectedBatch, CollectInput, CollectSummary } from '../core/prediction-log.ts';
import { attributes } from './names.ts';
import { compute } from './proxies.ts';

/** So that one run's history stays short; what is left waits for the next. */
const MOST_BATCHES = 200;

/** `{}` is a valid input: see CollectInput. */
export async function collectPredictions(input: CollectInput): Promise<CollectSummary> {
  const { collectPredictionBatch } = compute(input ?? {});
  let [rows, batches, snapshot]: [number, number, number | null] = [0, 0, null];
  let latest: CollectedBatch;
  do {
    latest = await collectPredictionBatch.executeWithOptions({ summary: `batch ${batches + 1}` }, [input ?? {}]);
    rows += latest.rows;
    batches += latest.rows > 0 ? 1 : 0;
    snapshot = latest.snapshot ?? snapshot;
    wf.setCurrentDetails(`**${rows}** predictions in ${batches} batches`);
  } while (latest.more && batches < MOST_BATCHES);
  wf.upsertSearchAttributes([
    { key: attributes.outcome, value: 'completed' },
    { key: attributes.rows, value: rows },
  ]);
  return { rows, batches, snapshot };
}
