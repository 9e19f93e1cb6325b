// The frame around every activity that takes time: it heartbeats the latest progress, hears cancellation, and tells Temporal which
// errors are hopeless. Inside it, activities know nothing of Temporal.
import { ApplicationFailure, Context } from '@temporalio/activity';
import { PerennialError } from '../core/errors.ts';
import type { CrashPoint, OnProgress, Progress } from './deps.ts';

export interface Frame {
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
  /** Who asked, for lineage. */
  readonly lineage: { readonly workflow: string; readonly run: string };
}

const PULSE_MS = 1_000;

/** A heartbeat's details, read by the terminal's progress line. */
export interface Pulse extends Partial<Progress> {
  /** Milliseconds since this attempt began. */
  readonly elapsedMs: number;
}

export const framed = async <T>(crash: CrashPoint, work: (frame: Frame) => Promise<T>): Promise<T> => {
  const context = Context.current();
  const begun = Date.now();
  let latest: Partial<Progress> = {};
  const beat = () => context.heartbeat({ ...latest, elapsedMs: Date.now() - begun } satisfies Pulse);
  const pulse = setInterval(beat, PULSE_MS);
  const { workflowId, runId } = context.info.workflowExecution ?? { workflowId: '', runId: '' };
  try {
    crash('before-write');
    const result = await work({
      signal: context.cancellationSignal,
      lineage: { workflow: workflowId, run: runId },
      onProgress: (progress) => {
        latest = progress;
      },
    });
    crash('after-commit');
    return result;
  } catch (error) {
    throw asFailure(error);
  } finally {
    clearInterval(pulse);
  }
};

/** Hopeless errors are not retried; all others go to Temporal as they are. */
export const asFailure = (error: unknown): unknown =>
  error instanceof PerennialError
    ? ApplicationFailure.create({
        type: error.code,
        message: error.message,
        nonRetryable: error.hopeless,
        details: [{ field: error.context.field, value: error.context.value, mend: error.context.mend }],
        cause: error,
      })
    : error;
