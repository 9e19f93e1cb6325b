// A TCP proxy before Postgres that cuts the link once a change is committed, before the answer goes back: the client will never know.

import type { AddressInfo } from 'node:net';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly port: number;
  /** How many answers were lost. */
  lost(): number;
  /** Lose the answers of the next commits, as many as this. */
  loseNext(commits: number): void;
  close(): Promise<void>;
}

const COMMAND_COMPLETE = 0x43;
const READY = 0x5a;
const IDLE = 0x49;

export const startCuttingProxy = async (port: number, host = '127.0.0.1'): Promise<CuttingProxy> => {
  let toLose = 0;
  let lost = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = dial(port, host);
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const committed = commitWatcher();
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      if (!committed(chunk) || toLose === 0) return void client.write(chunk);
      toLose -= 1;
      lost += 1;
      client.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    lost: () => lost,
    loseNext: (commits) => {
      toLose = commits;
    },
    close: () => closeServer(server, open),
  };
};

/** True for a chunk with which a change became lasting: COMMIT, or an insert or update outside any transaction. */
const commitWatcher = (): ((chunk: Buffer) => boolean) => {
  let rest = Buffer.alloc(0);
  let wrote = false;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    let committed = false;
    while (rest.length >= 5 && rest.length >= rest.readUInt32BE(1) + 1) {
      const size = rest.readUInt32BE(1) + 1;
      const [kind, body] = [rest[0], rest.subarray(5, size)];
      rest = rest.subarray(size);
      if (kind === COMMAND_COMPLETE) wrote = /^(COMMIT|INSERT 0 [1-9]|UPDATE [1-9])/.test(body.toString('latin1'));
      if (kind === READY) {
        committed ||= wrote && body[0] === IDLE;
        wrote = false;
      }
    }
    return committed;
  };
};

const closeServer = (server: Server, open: ReadonlySet<Socket>): Promise<void> => {
  for (const socket of open) socket.destroy();
  return new Promise((resolve) => server.close(() => resolve()));
};
