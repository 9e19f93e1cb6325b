// Whether the ports that the stack is about to use are free, and whom to tell when one is not. For up and tests.
import { createServer } from 'node:net';
import { PerennialError } from '../../core/errors.ts';

export interface WantedPort {
  readonly port: number;
  /** The setting that moves it. */
  readonly setting: string;
}

/** @throws PerennialError CONFLICT naming the first taken port and the setting that moves it. */
export const requireFree = async (wanted: readonly WantedPort[], host = '127.0.0.1'): Promise<void> => {
  for (const { port, setting } of wanted) {
    if (await isFree(port, host)) continue;
    throw new PerennialError('CONFLICT', `Port ${port} is taken by another program`, {
      field: setting,
      value: port,
      mend: `Stop what listens there, or choose another port, as in ${setting}=${port + 1000}.`,
    });
  }
};

/** As many different free ports as asked for. They are free now, not reserved. */
export const freePorts = async (count: number): Promise<number[]> => {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0, '127.0.0.1')));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
};

const isFree = async (port: number, host: string): Promise<boolean> => {
  try {
    const server = await listen(port, host);
    await new Promise((closed) => server.close(closed));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
};

const listen = (port: number, host: string): Promise<ReturnType<typeof createServer>> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => resolve(server));
  });
