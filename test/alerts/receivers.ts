// Real receivers of alerts on this machine: a web server and a mail server, both of which can be told to refuse.
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { Alert } from '../../core/alert.ts';
import { type Listener, startListener } from '../support/listener.ts';

export interface Hook extends Listener {
  readonly heard: { readonly headers: Readonly<Record<string, unknown>>; readonly body: string }[];
  /** Statuses of the next answers; 204 after them. */
  readonly next: number[];
}

export const startHook = async (): Promise<Hook> => {
  const heard: Hook['heard'] = [];
  const next: number[] = [];
  const { url, close } = await startListener((request, body, response) => {
    const status = next.shift() ?? 204;
    if (status < 300) heard.push({ headers: request.headers, body });
    response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:9/' } : {}).end();
  });
  return { url: `${url}/hook`, heard, next, close };
};

export interface Mailbox {
  readonly smtp: string;
  readonly letters: string[];
  /** Codes that the next letters are refused with. */
  readonly next: number[];
  close(): Promise<void>;
}

export const startMailbox = async (): Promise<Mailbox> => {
  const letters: string[] = [];
  const next: number[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) =>
      username === 'perennial' && password === 'a password' ? done(null, { user: username }) : done(new Error('no')),
    onData: (stream, _session, done) => {
      let letter = '';
      stream.setEncoding('utf8');
      stream.on('data', (part: string) => {
        letter += part;
      });
      stream.on('end', () => {
        const responseCode = next.shift();
        if (responseCode !== undefined) return done(Object.assign(new Error('not now'), { responseCode }));
        letters.push(letter);
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.server.address() as AddressInfo;
  return {
    smtp: `smtp://perennial:a%20password@127.0.0.1:${port}`,
    letters,
    next,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
};

/** An alert like others. */
export const someAlert: Alert = {
  key: 'test/1',
  environment: 'dev',
  severity: 'warning',
  title: 'a test',
  text: 'Nothing to do.',
  at: '2026-05-01T10:00:00.000Z',
};
