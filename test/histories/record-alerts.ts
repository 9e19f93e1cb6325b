// Records the histories of an alert, one of whose receivers is away at first and the other for good, and of a watch over schedules, for the
// replay test: `node --import tsx test/histories/record-alerts.ts`. Beside record.ts, since these need neither a lake nor MLflow.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { queues } from '../../workflows/names.ts';
import { someAlert, startHook, startMailbox } from '../alerts/receivers.ts';
import { startTestStack } from '../support/stack.ts';
import { startWorkers } from '../upkeep/workers.ts';

const [hook, mailbox] = [await startHook(), await startMailbox()];
const file = path.join(mkdtempSync(path.join(tmpdir(), 'perennial-alerts-')), 'alerts.json');
const receivers = [
  { kind: 'webhook', name: 'ops', from: 'info', url: hook.url, secret: Buffer.alloc(32, 7).toString('base64') },
  { kind: 'email', name: 'mail', smtp: mailbox.smtp, sender: 'ml@shop.example', to: ['ops@shop.example'] },
];
writeFileSync(file, JSON.stringify({ receivers }), { mode: 0o600 });
const stack = await startTestStack(['postgres', 'temporal'], { PERENNIAL_ALERTS: file });
const workers = await startWorkers(stack.environment);
const { workflow } = workers.client;

const recorded = async (type: string, input: unknown): Promise<void> => {
  await workflow.execute(type, { workflowId: type, taskQueue: queues.light, args: [input] });
  const text = historyToJSON(await workflow.getHandle(type).fetchHistory());
  const { home, root } = stack.environment;
  const anywhere = text.replaceAll(home, '/home/perennial').replaceAll(root, '/perennial');
  writeFileSync(path.join(import.meta.dirname, `${type}.json`), `${anywhere}\n`);
};

try {
  hook.next.push(503);
  mailbox.next.push(550);
  await recorded('alert', someAlert);
  await recorded('watch', {});
} finally {
  await workers.stop();
  await stack.stop();
  await hook.close();
  await mailbox.close();
}
