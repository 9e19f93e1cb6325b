// Alerts by webhook, in the manner of standardwebhooks.com: an id that is the alert's own, the time, and an HMAC over both and the body, so
// that a receiver knows who speaks and hears each alert once.
import { createHmac } from 'node:crypto';
import type { Alert, Notifier, Severity } from '../../core/alert.ts';
import { PerennialError } from '../../core/errors.ts';

export interface WebhookReceiver {
  readonly name: string;
  readonly from: Severity;
  readonly url: string;
  /** Shared with the receiver; base64, `whsec_` before it or not. */
  readonly secret: string;
}

const TIMEOUT_MS = 10_000;
/** Statuses below 500 that time may mend. */
const MAY_PASS: ReadonlySet<number> = new Set([408, 409, 425, 429]);

export const webhook = ({ name, from, url, secret }: WebhookReceiver, now: () => number = Date.now): Notifier => ({
  name,
  from,
  async deliver(alert, signal) {
    const body = JSON.stringify({ type: 'perennial.alert', timestamp: alert.at, data: alert });
    const headers = { 'content-type': 'application/json', ...signed(alert, body, secret, Math.floor(now() / 1_000)) };
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    // Followed, a redirect would carry the alert to somebody nobody chose.
    const reply = await fetch(url, { method: 'POST', body, headers, redirect: 'manual', signal: limit }).catch(
      (cause: unknown) => {
        throw new PerennialError('UNAVAILABLE', 'The webhook does not answer', {
          field: 'receiver',
          value: name,
          cause,
        });
      },
    );
    await reply.body?.cancel();
    if (!reply.ok) throw refused(name, reply.status);
  },
});

/** The three headers; `webhook-signature` is over `id.timestamp.body`. */
export const signed = (alert: Pick<Alert, 'key'>, body: string, secret: string, timestamp: number) => {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const mac = createHmac('sha256', key).update(`${alert.key}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': alert.key, 'webhook-timestamp': String(timestamp), 'webhook-signature': `v1,${mac}` };
};

const refused = (name: string, status: number): PerennialError => {
  const hopeless = status < 500 && !MAY_PASS.has(status);
  return new PerennialError(hopeless ? 'CONTRACT_BROKEN' : 'UNAVAILABLE', `The webhook answered ${status}`, {
    field: 'receiver',
    value: name,
    mend: 'See what its owner says, and correct the file of receivers.',
  });
};
