// The command line's way to Temporal: one connection, the workflow that people start, and addresses of its pages.
import { Client, Connection } from '@temporalio/client';
import { startTraces } from '../adapters/otel/provider.ts';
import { PerennialError } from '../core/errors.ts';
import type { Environment } from '../environments/environment.ts';
import { clientTraces } from '../workers/tracing.ts';

/** @throws PerennialError UNAVAILABLE naming the address and the way to start it. */
export const connect = async (environment: Environment): Promise<Client> => {
  const { temporal } = environment;
  try {
    const connection = await Connection.connect({ address: temporal.address, connectTimeout: '5s' });
    await begin(environment);
    return new Client({
      connection,
      namespace: temporal.namespace,
      interceptors: { workflow: clientTraces(environment) },
    });
  } catch (cause) {
    throw new PerennialError('UNAVAILABLE', 'Temporal does not answer', {
      field: 'address',
      value: temporal.address,
      mend: 'Start the stack with `npx perennial up`',
      cause,
    });
  }
};

let begun = false;

/** A trace begins with whoever starts a workflow; what is not sent yet is sent when everything else is done. */
const begin = async ({ telemetry }: Environment): Promise<void> => {
  if (begun || telemetry.otlp === undefined) return;
  begun = true;
  const traces = await startTraces('perennial-cli', telemetry.otlp);
  process.once('beforeExit', () => void traces.close());
};

/** The run's page in the Temporal UI. */
export const runPage = ({ temporal }: Environment, workflowId: string): string =>
  `${temporal.uiUrl}/namespaces/${temporal.namespace}/workflows?query=${encodeURIComponent(`WorkflowId STARTS_WITH '${workflowId}'`)}`;
