// One execution per workflow type that shows the start form in the Temporal UI what to type: "start like this one" copies its input.
// It is terminated before any worker sees it, so it changes nothing.
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { MaintainInput, SweepInput } from '../core/maintenance.ts';
import type { CollectInput } from '../core/prediction-log.ts';
import type { PromoteInput, RollbackInput } from '../core/promotion/messages.ts';
import type { RefreshInput } from '../core/refresh.ts';
import type { RunInput } from '../core/run.ts';
import { queues } from '../workflows/names.ts';

const TEMPLATES: Readonly<Record<string, { readonly input: object; readonly details: string }>> = {
  run: {
    input: {
      useCase: 'ecommerce-intelligence',
      path: '/data/events/*.csv',
      source: 'clickstream',
      seed: 42,
    } satisfies RunInput,
    details:
      'Every field is optional: `{}` runs on what the lake holds, or on a generated sample. `asOf` (ISO date) is the end of knowledge, exclusive.',
  },
  ingest: {
    input: { useCase: 'ecommerce-intelligence', path: '/data/events/*.csv' },
    details: 'Files → bronze. Files that the ledger knows add nothing.',
  },
  promote: {
    input: { useCase: 'ecommerce-intelligence', model: 'propensity', by: 'alice' } satisfies PromoteInput,
    details:
      'Brings the champion of the environment below (or its `version`) into this one. `dryRun` looks at evidence and gates only. Where approval is asked for, send the update `approve` or `reject` with `{"by": "…", "why": "…"}`.',
  },
  rollback: {
    input: {
      useCase: 'ecommerce-intelligence',
      model: 'propensity',
      by: 'alice',
      why: 'complaints',
    } satisfies RollbackInput,
    details: 'The champion before the present one answers again, or `version`, if it ever was champion.',
  },
  refresh: {
    input: { useCases: ['ecommerce-intelligence'], train: false } satisfies RefreshInput,
    details: 'Brings use cases up to date with what the lake holds; `{}` trains them all. Schedules start this.',
  },
  maintain: {
    input: { expireAfterDays: 30, deleteAfterHours: 24, dryRun: true } satisfies MaintainInput,
    details:
      'The upkeep of the lake. What versions, tags and open runs need stays readable. `dryRun` only says what would go.',
  },
  collectPredictions: {
    input: { batchRows: 20_000 } satisfies CollectInput,
    details: 'Moves the log of predictions to the lake table serving.predictions; `{}` will do.',
  },
  sweep: {
    input: { afterDays: 14, dryRun: true } satisfies SweepInput,
    details: 'Empties tables that nobody needs; refused in prod. `dryRun` only says what would go.',
  },
};

/** Idempotent; what retention has removed comes back. */
export const publishTemplates = async (client: Client): Promise<void> => {
  for (const [type, { input, details }] of Object.entries(TEMPLATES)) {
    const workflowId = `template/${type}`;
    if (await exists(client, workflowId)) continue;
    const handle = await client.workflow.start(type, {
      workflowId,
      taskQueue: queues.light,
      args: [input],
      startDelay: '1 hour',
      workflowIdConflictPolicy: 'USE_EXISTING',
      staticSummary: `how to start ${type}`,
      staticDetails: details,
    });
    await handle.terminate('A template for the start form; it never runs');
  }
};

const exists = async (client: Client, workflowId: string): Promise<boolean> => {
  try {
    await client.workflow.getHandle(workflowId).describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
};
