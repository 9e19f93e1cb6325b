// Alerts on the wire, to a real web server and a real mail server: signed, once recognisable as the same, and plain about what may pass.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { email } from '../../adapters/smtp/notifier.ts';
import { webhook } from '../../adapters/webhook/notifier.ts';
import { type Alert, alertSubject, wants } from '../../core/alert.ts';
import { receiversIn } from '../../environments/alerts.ts';
import { type Hook, type Mailbox, startHook, startMailbox } from './receivers.ts';

const SECRET = Buffer.alloc(32, 7).toString('base64');
const alert: Alert = {
  key: 'promotion/a1/e1/3',
  environment: 'prod',
  severity: 'critical',
  title: 'promote/x waits\nfor approval',
  text: 'Escalation 3: somebody must look.',
  at: '2026-05-01T10:00:00.000Z',
  link: 'http://127.0.0.1:8233/workflows/x',
};
const never = new AbortController().signal;

let hook: Hook;
let mailbox: Mailbox;
beforeAll(async () => {
  hook = await startHook();
  mailbox = await startMailbox();
});
afterAll(async () => {
  await hook.close();
  await mailbox.close();
});

describe('a webhook', () => {
  const notifier = () => webhook({ name: 'ops', from: 'info', url: hook.url, secret: `whsec_${SECRET}` });

  it('carries the alert, its id and a signature that only the secret makes', async () => {
    await notifier().deliver(alert, never);
    const { headers, body } = hook.heard.at(-1) ?? { headers: {}, body: '' };
    expect(JSON.parse(body)).toEqual({ type: 'perennial.alert', timestamp: alert.at, data: alert });
    expect(headers).toMatchObject({ 'webhook-id': alert.key, 'content-type': 'application/json' });
    const signedBy = (secret: string, text: string) =>
      createHmac('sha256', Buffer.from(secret, 'base64'))
        .update(`${alert.key}.${headers['webhook-timestamp']}.${text}`)
        .digest();
    const given = Buffer.from(String(headers['webhook-signature']).replace('v1,', ''), 'base64');
    expect(timingSafeEqual(given, signedBy(SECRET, body))).toBe(true);
    expect(timingSafeEqual(given, signedBy(SECRET, body.replace('prod', 'dev')))).toBe(false);
    expect(timingSafeEqual(given, signedBy(Buffer.alloc(32, 8).toString('base64'), body))).toBe(false);
  });

  it.each([
    [503, false],
    [429, false],
    [404, true],
    [410, true],
    [302, true],
  ])('that answers %i was not told; trying again is hopeless: %s', async (status, hopeless) => {
    hook.next.push(status);
    await expect(notifier().deliver(alert, never)).rejects.toMatchObject({ hopeless });
  });

  it('that is not there may be back later', async () => {
    const away = webhook({ name: 'ops', from: 'info', url: 'http://127.0.0.1:9/', secret: SECRET });
    await expect(away.deliver(alert, never)).rejects.toMatchObject({ code: 'UNAVAILABLE', hopeless: false });
  });
});

describe('an e-mail', () => {
  const notifier = (smtp = mailbox.smtp) =>
    email({ name: 'mail', from: 'info', smtp, sender: 'ml@shop.example', to: ['a@shop.example', 'b@shop.example'] });

  it('says it all as plain text, in one line of subject, under an id that a second delivery repeats', async () => {
    await notifier().deliver(alert, never);
    await notifier().deliver(alert, never);
    const [first = '', second = ''] = mailbox.letters.slice(-2);
    expect(first).toContain('Subject: [prod] critical: promote/x waits for approval');
    expect(first).toContain('To: a@shop.example, b@shop.example');
    expect(first).toContain(alert.text);
    const idOf = (letter: string) => /^Message-ID: (<[0-9a-f]{32}@perennial>)/im.exec(letter)?.[1];
    expect(idOf(first)).toBeDefined();
    expect(idOf(second)).toBe(idOf(first));
  });

  it.each([
    [451, false],
    [550, true],
  ])('refused with %i: hopeless is %s, and the password is told to nobody', async (code, hopeless) => {
    mailbox.next.push(code);
    const refusal = await notifier()
      .deliver(alert, never)
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(refusal).toMatchObject({ hopeless });
    expect(String(refusal)).not.toContain('password');
  });

  it('is not sent with a wrong password', async () => {
    const before = mailbox.letters.length;
    await expect(notifier(mailbox.smtp.replace('a%20', 'b%20')).deliver(alert, never)).rejects.toThrow(/535/);
    expect(mailbox.letters.length).toBe(before);
  });
});

it('severities are an order', () => {
  expect(
    ['info', 'warning', 'critical'].map((from) => wants({ from: from as 'info' }, { ...alert, severity: 'warning' })),
  ).toEqual([true, true, false]);
  expect(alertSubject(alert)).not.toContain('\n');
});

describe('the file of receivers', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'perennial-alerts-'));
  const file = path.join(folder, 'alerts.json');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const written = (...receivers: readonly object[]) => {
    writeFileSync(file, JSON.stringify({ receivers }));
    return () => receiversIn(file, 'prod');
  };
  const ops = { kind: 'webhook', name: 'ops', url: 'https://ops.example/hook', secret: SECRET };

  it('names those of one environment; without a file there is nobody', () => {
    expect(written(ops, { ...ops, name: 'laptop', environments: ['dev'] })()).toEqual([
      { ...ops, from: 'warning', environments: ['dev', 'staging', 'prod'] },
    ]);
    expect(receiversIn(path.join(folder, 'none.json'), 'prod')).toEqual([]);
  });

  it.each([
    ['a short secret', { ...ops, secret: 'c2hvcnQ=' }, /receivers\.0\.secret/],
    [
      'an address that is none',
      { kind: 'email', name: 'm', smtp: 'smtp://h', sender: 'a@b.c', to: ['nobody'] },
      /receivers\.0\.to/,
    ],
    ['a stray field', { ...ops, sceret: 'x' }, /receivers\.0/],
  ])('%s is refused by its place, and its value kept quiet', (_, receiver, message) => {
    const read = written(receiver);
    expect(read).toThrow(message);
    expect(read).not.toThrow(/c2hvcnQ=/);
  });

  it('refuses two of one name', () => expect(written(ops, ops)).toThrow(/one name/));
});
