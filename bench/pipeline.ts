// The two contestants of the pipeline bench: a durable run from files to online features, and the same work in one plain process. Each
// begins with a fresh home, its servers already up.
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time.js';
import { findFiles, sha256OfFile } from '../activities/ingest/find-files.ts';
import { startProduct } from '../test/support/product.ts';
import { startTestStack } from '../test/support/stack.ts';
import { measured } from './measure.ts';

/** The whole, and the whole without what the peer does not do. */
const SAME = 'total without registry, answers ahead and report';
/** Steps that a run has besides the work of the bare process. */
const BESIDES: ReadonlySet<string> = new Set(['registerModel', 'precomputeAnswers', 'reportRun']);
const RUN = 'bench';

/** Whoever comes first would wait for the disk, and the other would not. */
const readOnce = async (csv: string): Promise<void> => {
  const { files } = await findFiles(csv, { stage: tmpdir() });
  for (const { path: file } of files) await sha256OfFile(file);
};

export const durable = async (csv: string): Promise<Record<string, number>> => {
  await readOnce(csv);
  const product = await startProduct();
  try {
    const begun = performance.now();
    await product.run(RUN, { path: csv, source: 'clickstream' });
    const total = (performance.now() - begun) / 1000;
    const progress = await product.client.workflow
      .getHandle(RUN)
      .query<{ stages: { name: string; startedAt?: number; endedAt?: number }[] }, []>('progress');
    const stages = progress.stages.map(
      ({ name, startedAt = 0, endedAt = 0 }) => `${name} ${((endedAt - startedAt) / 1000).toFixed(1)}`,
    );
    const besides = await secondsOf(product.client, RUN, BESIDES);
    console.error(`    ${stages.join(' · ')} · of these besides the peer's work ${besides.toFixed(1)}`);
    return { total, [SAME]: total - besides };
  } finally {
    await product.stop();
  }
};

/** Seconds from start to end of the activities of these names, of a run and all its children; none of them runs beside another step. */
const secondsOf = async (client: Client, workflowId: string, names: ReadonlySet<string>): Promise<number> => {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const wanted = new Set<string>();
  const started = new Map<string, number>();
  let seconds = 0;
  for (const event of events ?? []) {
    const at = tsToMs(event.eventTime) / 1000;
    const scheduled = event.activityTaskScheduledEventAttributes?.activityType?.name;
    if (scheduled && names.has(scheduled)) wanted.add(String(event.eventId));
    const start = event.activityTaskStartedEventAttributes;
    if (start) started.set(String(start.scheduledEventId), at);
    const end = String(event.activityTaskCompletedEventAttributes?.scheduledEventId);
    if (wanted.has(end)) seconds += at - (started.get(end) ?? at);
    const child = event.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.workflowId;
    if (child) seconds += await secondsOf(client, child, names);
  }
  return seconds;
};

export const bare = async (csv: string, scene: string, root: string): Promise<Record<string, number>> => {
  await readOnce(csv);
  const { environment, stop } = await startTestStack(['postgres']);
  try {
    const { postgres, schema } = environment;
    const whole = { ...JSON.parse(readFileSync(scene, 'utf8')), online: { ...postgres, schema } };
    const file = path.join(environment.home, 'scene.json');
    writeFileSync(file, JSON.stringify(whole), { mode: 0o600 });
    const seconds = await measured('node', ['--import', 'tsx', path.join(root, 'bench/bare.ts'), file], root);
    const parts = Object.entries(seconds).map(([part, took]) => `${part} ${took.toFixed(1)}`);
    console.error(`    bare: ${parts.join(' · ')}`);
    const total = seconds.total ?? Number.NaN;
    return { total, [SAME]: total };
  } finally {
    await stop();
  }
};
