// The peer: `mlflow models serve` with the same trees, asked with all features. MLflow is the product's own, LightGBM's Python that of the peers.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { venvPython } from '../../adapters/python/venv.ts';
import { childVariables, searchPath } from '../../environments/environment.ts';
import { peersPython } from '../../test/support/peers.ts';
import { freePorts } from '../../workers/stack/ports.ts';
import { type Peer, startPeer } from './peer.ts';
import type { Scene } from './scene.ts';

export const startMlflow = async (scene: Scene): Promise<Peer> => {
  const { venv, home, root } = scene.environment;
  const python = venvPython(venv);
  const { stdout: packages } = await execa(await peersPython(), [
    '-c',
    'import sysconfig; print(sysconfig.get_path("purelib"))',
  ]);
  const env = childVariables({
    PATH: `${home}/bin${path.delimiter}${searchPath()}`,
    PYTHONPATH: packages,
    MLFLOW_TRACKING_URI: `file:${path.join(home, 'peer-runs')}`,
  });
  const [text, folder] = [path.join(home, 'peer.txt'), path.join(home, 'peer-model')];
  await writeFile(text, scene.modelText);
  // Wheels were unpacked without their commands; MLflow calls this one by its name.
  await mkdir(path.join(home, 'bin'));
  await writeFile(path.join(home, 'bin', 'uvicorn'), `#!/bin/sh\nexec '${python}' -m uvicorn "$@"\n`, { mode: 0o755 });
  const options = { env, extendEnv: false, cwd: home } as const;
  await execa(python, [path.join(root, 'bench/serving/mlflow_peer.py'), text, folder], options);
  const [port] = await freePorts(1);
  const serve = [python, '-m', 'mlflow', 'models', 'serve', '-m', folder, '-p', String(port)] as const;
  const url = `http://127.0.0.1:${port}`;
  return startPeer([...serve, '--env-manager', 'local'], { env, cwd: home, url, health: '/ping' });
};
