// What a durable step costs: a workflow of a hundred sequential empty activities on the stack as it is shipped.
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker';
import { startTestStack } from '../test/support/stack.ts';
import { median } from './measure.ts';

const STEPS = 100;

export const emptySteps = async (): Promise<string> => {
  const stack = await startTestStack(['postgres', 'temporal']);
  try {
    const { address, namespace } = stack.environment.temporal;
    const connection = await NativeConnection.connect({ address });
    const workflowBundle = await bundleWorkflowCode({
      workflowsPath: path.join(import.meta.dirname, 'empty-workflow.ts'),
      logger: new DefaultLogger('WARN'),
    });
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue: 'bench',
      workflowBundle,
      activities: { nothing: async () => undefined },
    });
    const client = new Client({ connection: await Connection.connect({ address }), namespace });
    const each = await worker.runUntil(async () => {
      const measured: number[] = [];
      for (let i = 0; i < 6; i += 1) {
        const begun = performance.now();
        await client.workflow.execute('empty', {
          workflowId: `empty-${i}`,
          taskQueue: 'bench',
          args: [{ steps: STEPS }],
        });
        if (i > 0) measured.push((performance.now() - begun) / STEPS);
      }
      return measured;
    });
    await connection.close();
    return `| step | median, ms |\n|---|---|\n| empty activity, ${STEPS} in sequence, five runs | ${median(each).toFixed(1)} |`;
  } finally {
    await stack.stop();
  }
};
