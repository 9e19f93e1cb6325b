// A peer's server as a process of its own: started, asked until it answers, ended with all that it started.
import { execa, type Options } from 'execa';

export interface Peer {
  readonly url: string;
  stop(): Promise<void>;
}

const STARTS_MS = 90_000;

/** `health`: what it answers with 200 once it is up. */
export const startPeer = async (
  [command, ...args]: readonly [string, ...string[]],
  { url, health, ...options }: Pick<Options, 'env' | 'cwd'> & { readonly url: string; readonly health: string },
): Promise<Peer> => {
  const server = execa(command, args, {
    ...options,
    extendEnv: false,
    reject: false,
    detached: true,
    stdout: 'ignore',
    stderr: 'pipe',
  });
  const stop = async () => {
    // A shell or workers may stand between: the whole group goes.
    if (server.pid !== undefined && server.exitCode === null) process.kill(-server.pid, 'SIGTERM');
    await server;
  };
  const begun = Date.now();
  while (!(await up(`${url}${health}`))) {
    if (server.exitCode !== null) throw new Error(`${command} ended: ${(await server).stderr}`);
    if (Date.now() - begun > STARTS_MS) {
      await stop();
      throw new Error(`${command} did not come up`);
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return { url, stop };
};

const up = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
