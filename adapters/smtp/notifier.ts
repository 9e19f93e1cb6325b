// Alerts by e-mail over SMTP. The message's id follows from the alert, so that a mailbox that was told twice shows it once.
import { createHash } from 'node:crypto';
import { type Alert, alertSubject, alertText, type Notifier, type Severity } from '../../core/alert.ts';
import { PerennialError } from '../../core/errors.ts';

export interface EmailReceiver {
  readonly name: string;
  readonly from: Severity;
  /** `smtps://user:password@host:port`, or `smtp://…`, which demands STARTTLS of any host but this one. */
  readonly smtp: string;
  readonly sender: string;
  readonly to: readonly string[];
}

const TIMEOUT_MS = 10_000;
const HERE: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

export const email = ({ name, from, smtp, sender, to }: EmailReceiver): Notifier => ({
  name,
  from,
  async deliver(alert) {
    // Loaded here, so that a worker begins without it.
    const { createTransport } = await import('nodemailer');
    const timeouts = { connectionTimeout: TIMEOUT_MS, greetingTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS };
    const transport = createTransport({ url: smtp, requireTLS: demandsTls(smtp), ...timeouts });
    try {
      await transport.sendMail({
        from: sender,
        to: [...to],
        subject: alertSubject(alert),
        text: alertText(alert),
        messageId: messageIdOf(alert, name),
      });
    } catch (cause) {
      throw undelivered(name, cause);
    } finally {
      transport.close();
    }
  },
});

const demandsTls = (smtp: string): boolean => {
  const { protocol, hostname } = new URL(smtp);
  return protocol === 'smtp:' && !HERE.has(hostname);
};

const messageIdOf = ({ key }: Alert, receiver: string): string =>
  `<${createHash('sha256').update(`${receiver}\n${key}`).digest('hex').slice(0, 32)}@perennial>`;

/** A server's final word (5xx) stays what it is; whatever else goes wrong may pass. Its text is not repeated: it may name people. */
const undelivered = (name: string, cause: unknown): PerennialError => {
  const code = typeof cause === 'object' && cause !== null && 'responseCode' in cause ? Number(cause.responseCode) : 0;
  const said = code > 0 ? `The mail server answered ${code}` : 'The mail server does not answer';
  return new PerennialError(code >= 500 ? 'CONTRACT_BROKEN' : 'UNAVAILABLE', said, {
    field: 'receiver',
    value: name,
    mend: 'See the mail server, and the file of receivers.',
    cause,
  });
};
