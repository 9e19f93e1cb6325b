// The ceiling of the comparison by features: an HTTP server that does nothing, asked the same way.
import path from 'node:path';
import { childVariables, searchPath } from '../../environments/environment.ts';
import { freePorts } from '../../workers/stack/ports.ts';
import { type Dialect, ours } from './complete.ts';
import { type Peer, startPeer } from './peer.ts';
import type { Scene } from './scene.ts';

export const startEmpty = async ({ environment: { home, root } }: Scene): Promise<Peer> => {
  const [port] = await freePorts(1);
  const env = childVariables({ PATH: searchPath() });
  const server = [process.execPath, path.join(root, 'bench/serving/empty-server.mjs'), String(port)] as const;
  return startPeer(server, { env, cwd: home, url: `http://127.0.0.1:${port}`, health: '/' });
};

/** Asked like ours; its answer is the same whatever the row, and is not judged. */
export const empty: Dialect = { ...ours, right: () => true };
