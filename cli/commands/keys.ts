// `perennial keys`: the public keys that an environment trusts, and how one follows another.
import type { Command } from 'commander';
import pc from 'picocolors';
import { KeyFolder } from '../../adapters/signing/key-folder.ts';
import type { Keyring } from '../../core/keyring.ts';
import { loadEnvironment } from '../../environments/environment.ts';
import { tokenKeysIn } from '../../serving/access/tokens.ts';
import { json } from '../output.ts';

interface Options {
  readonly env?: string;
  readonly json?: boolean;
  readonly tokens?: boolean;
}

export const register = (program: Command): void => {
  const keys = common(program.command('keys'))
    .description('the public keys whose signatures an environment trusts (no private key is ever printed)')
    .action((options: Options) => show(folderOf(options).keyring(), options));
  common(keys.command('rotate'))
    .description('make another key, which signs from now on; those before it stay trusted')
    .action((_: unknown, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      show(folderOf(options).rotate(), options);
    });
  common(keys.command('revoke'))
    .description('trust a key no more: whatever it alone signed is served no more')
    .argument('<key>', 'its 16 digits')
    .requiredOption('--why <reason>', 'for whoever reads the keyring')
    .action((id: string, { why }: { why: string }, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      show(folderOf(options).revoke(id, why), options);
    });
};

const common = (command: Command): Command =>
  command
    .option('--env <name>', 'dev, staging or prod')
    .option('--tokens', 'the keys that sign tokens for the API, instead of those that vouch for models')
    .option('--json', 'print the keyring as JSON');

const folderOf = ({ env = 'dev', tokens }: Options): KeyFolder => {
  const { keys, name } = loadEnvironment(env);
  return tokens ? tokenKeysIn(keys, name) : new KeyFolder(keys, name);
};

const show = (keyring: Keyring, options: Options): void => {
  if (options.json) {
    json(keyring);
    return;
  }
  if (keyring.keys.length === 0)
    console.log(pc.dim(`${keyring.environment} has no key yet: its first signature makes one`));
  for (const { id, addedAt, publicKey, revoked } of keyring.keys) {
    const state = revoked ? pc.red(`revoked ${revoked.at.slice(0, 10)}: ${revoked.why}`) : pc.green('trusted');
    console.log(
      `${pc.bold(id)}  ${state}${id === keyring.current ? ' · signs now' : ''} · since ${addedAt.slice(0, 10)}`,
    );
    console.log(pc.dim(publicKey.trim()));
  }
};
