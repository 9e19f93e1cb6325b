// The peer of reading by key: Feast's Python feature server over its default store, with the same rows. It is installed by whoever wants
// the comparison: `--feast <python>` names an interpreter that has it.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { childVariables, searchPath } from '../../environments/environment.ts';
import { freePorts } from '../../workers/stack/ports.ts';
import { entityOf } from './fixed-rate.ts';
import { spread } from './golden.ts';
import { load } from './load.ts';
import { type Peer, startPeer } from './peer.ts';
import type { Scene } from './scene.ts';

export const startFeast = async (scene: Scene, python: string): Promise<Peer> => {
  const { home, root } = scene.environment;
  const work = path.join(home, 'feast');
  await mkdir(work);
  const cells = (entity: number) => Array.from(scene.row(entity), (value) => (Number.isNaN(value) ? null : value));
  const rows = Array.from({ length: scene.entities }, (_, entity) => cells(entity));
  await writeFile(path.join(work, 'rows.json'), JSON.stringify({ features: scene.features, rows }));
  const env = childVariables({ PATH: `${path.dirname(python)}${path.delimiter}${searchPath()}`, FEAST_USAGE: 'False' });
  const [script, folder] = [path.join(root, 'bench/serving/feast_peer.py'), path.join(work, 'repo')];
  await execa(python, [script, path.join(work, 'rows.json'), folder], { env, extendEnv: false });
  const [port] = await freePorts(1);
  const feast = path.join(path.dirname(python), 'feast');
  const url = `http://127.0.0.1:${port}`;
  return startPeer([feast, 'serve', '-p', String(port), '--no-access-log'], {
    env,
    cwd: folder,
    url,
    health: '/health',
  });
};

export interface ByKey {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly wrong: number;
}

/** All features of one entity a request; each answer held against the row it must hold. */
export const readByKey = async (
  scene: Scene,
  { url, connections, seconds }: { readonly url: string; readonly connections: number; readonly seconds: number },
): Promise<ByKey> => {
  const features = scene.features.map((name) => `customer_daily:${name}`);
  let [next, wrong] = [0, 0];
  const took: number[] = [];
  const { duration, errors, timeouts } = await load(
    {
      url,
      connections,
      duration: seconds,
      requests: [
        {
          method: 'POST',
          path: '/get-online-features',
          setupRequest: (request, context) => {
            const entity = entityOf(next++, scene.entities);
            Object.assign(context, { entity });
            const body = JSON.stringify({ features, entities: { user_id: [String(entity)] } });
            return { ...request, headers: { 'content-type': 'application/json' }, body };
          },
          onResponse: (status, body, context) => {
            const { entity } = context as { entity: number };
            if (status !== 200 || !isRow(scene, entity, body)) wrong += 1;
          },
        },
      ],
    },
    (_status, ms) => took.push(ms),
  );
  const { p50, p99 } = spread(took);
  return { perSecond: (took.length - wrong) / duration, p50, p99, wrong: wrong + errors + timeouts };
};

interface FeastAnswer {
  readonly metadata: { readonly feature_names: readonly string[] };
  readonly results: readonly { readonly values: readonly (number | null)[] }[];
}

const isRow = ({ features, row }: Scene, entity: number, body: string): boolean => {
  const { metadata, results }: FeastAnswer = JSON.parse(body);
  return features.every((name, at) => {
    const value = results[metadata.feature_names.indexOf(name)]?.values[0] ?? Number.NaN;
    return Object.is(value, row(entity)[at]);
  });
};
