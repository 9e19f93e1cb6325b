// `perennial sign`: a person vouches for a version with the environment's present key: after a key was rotated or revoked, or for a version
// that is older than signatures.
import type { Command } from 'commander';
import { signVersion } from '../../activities/sign.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import { loadPackage } from '../../adapters/artifacts/model-package.ts';
import { KeyFolder } from '../../adapters/signing/key-folder.ts';
import { loadEnvironment } from '../../environments/environment.ts';
import { withVersion } from '../model-version.ts';
import { osUser } from '../promotion.ts';

interface Options {
  readonly env: string;
  readonly by: string;
  readonly why: string;
}

export const register = (program: Command): void => {
  program
    .command('sign')
    .description('vouch for a model version with the present key; every byte of its package is verified first')
    .argument('<version>', '<use-case>/<model>[@version]; without a version: the champion')
    .requiredOption('--why <reason>', 'part of what is signed')
    .option('--by <name>', 'who vouches', osUser())
    .option('--env <name>', 'dev, staging or prod', 'dev')
    .action(async (asked: string, { env, by, why }: Options) => {
      const environment = loadEnvironment(env);
      const { name, keys, artifacts, postgres } = environment;
      await withVersion(environment, postgres, asked, async (version, pool) => {
        const { manifest } = await loadPackage(new FolderArtifacts(artifacts), version.packageSha256);
        const deps = { pool, keys: new KeyFolder(keys, name), settings: { name } };
        const key = await signVersion(deps, { version, manifest, approver: { by, why }, by });
        console.log(`✔ ${version.model}@${version.version} of ${name}: signed by key ${key} for ${by}`);
      });
    });
};
