// The command line's way to Temporal: one connection, the workflow that people start, and addresses of its pages.
import { Client, Connection } from '@temporalio/client';
import { PerennialError } from '../core/errors.ts';
import type { Environment } from '../environments/environment.ts';

/** @throws PerennialError UNAVAILABLE naming the address and the way to start it. */
export const connect = async ({ temporal }: Environment): Promise<Client> => {
  try {
    const connection = await Connection.connect({ address: temporal.address, connectTimeout: '5s' });
    return new Client({ connection, namespace: temporal.namespace });
  } catch (cause) {
    throw new PerennialError('UNAVAILABLE', 'Temporal does not answer', {
      field: 'address',
      value: temporal.address,
      mend: 'Start the stack with `npx perennial up`',
      cause,
    });
  }
};

/** The run's page in the Temporal UI. */
export const runPage = ({ temporal }: Environment, workflowId: string): string =>
  `${temporal.uiUrl}/namespaces/${temporal.namespace}/workflows?query=${encodeURIComponent(`WorkflowId STARTS_WITH '${workflowId}'`)}`;
