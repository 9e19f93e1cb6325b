// `perennial verify`: whether a model version is what somebody of standing signed, check by check, down to the bytes.
import type { Command } from 'commander';
import pc from 'picocolors';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import type { RegisteredVersion } from '../../adapters/postgres/registry.ts';
import { PostgresSignatures } from '../../adapters/postgres/signatures.ts';
import { verifyEd25519 } from '../../adapters/signing/ed25519.ts';
import { KeyFolder } from '../../adapters/signing/key-folder.ts';
import { sha256 } from '../../core/commit.ts';
import { PerennialError } from '../../core/errors.ts';
import { parseManifest } from '../../core/model-package.ts';
import { type Check, filesOf, type Opened, openBest } from '../../core/signed-manifest.ts';
import { type Environment, loadEnvironment } from '../../environments/environment.ts';
import { withVersion } from '../model-version.ts';
import { json } from '../output.ts';

export interface Verdict {
  readonly environment: string;
  readonly model: string;
  readonly version: number;
  readonly verified: boolean;
  readonly key: string;
  readonly approver: { readonly by: string; readonly why: string } | null;
  readonly checks: readonly Check[];
}

export const register = (program: Command): void => {
  program
    .command('verify')
    .description('check the signature of a model version and every byte of its package; exit 1 if anything is wrong')
    .argument('<version>', '<use-case>/<model>[@version]; without a version: the champion')
    .option('--env <name>', 'dev, staging or prod', 'dev')
    .option('--json', 'print the checks as JSON')
    .action(async (asked: string, options: { env: string; json?: boolean }) => {
      const environment = loadEnvironment(options.env);
      const verdict = await withVersion(environment, environment.developer, asked, async (version, pool) =>
        verdictOn(environment, version, await new PostgresSignatures(pool).of(version)),
      );
      options.json ? json(verdict) : print(verdict);
      process.exitCode = verdict.verified ? 0 : 1;
    });
};

/** All checks, also those after one that failed. */
export const verdictOn = async (
  { name, keys, artifacts }: Pick<Environment, 'name' | 'keys' | 'artifacts'>,
  version: RegisteredVersion,
  envelopes: readonly unknown[],
): Promise<Verdict> => {
  const trust = { keyring: new KeyFolder(keys, name).keyring(), verify: verifyEd25519 };
  const opened = openBest(envelopes, { environment: name, version }, trust);
  const checks = [...opened.checks, await fileCheck(new FolderArtifacts(artifacts), version.packageSha256, opened)];
  const approver = opened.statement?.predicate.approver ?? null;
  const verified = checks.every(({ ok }) => ok);
  return {
    environment: name,
    model: version.model,
    version: version.version,
    verified,
    key: opened.keyId,
    approver,
    checks,
  };
};

/** Reads every file of the package and holds it against what was signed. */
const fileCheck = async (artifacts: FolderArtifacts, packageSha256: string, { statement }: Opened): Promise<Check> => {
  try {
    const manifest = parseManifest(await artifacts.get(packageSha256));
    const signed = statement && filesOf(statement);
    for (const { path, sha256: hash } of manifest.files) {
      if (sha256(await artifacts.get(hash)) !== hash) throw changed(path);
      if (signed && signed.get(path) !== hash) throw changed(path);
    }
    return { check: 'files', found: `${manifest.files.length} files and their manifest, every byte`, ok: true };
  } catch (error) {
    if (!(error instanceof PerennialError)) throw error;
    return { check: 'files', found: error.message, ok: false };
  }
};

const changed = (path: string): PerennialError =>
  new PerennialError('HASH_MISMATCH', 'A file holds other bytes than were signed', { field: path });

const print = ({ environment, model, version, verified, approver, checks }: Verdict): void => {
  for (const { check, found, ok } of checks)
    console.log(`${ok ? pc.green('✔') : pc.red('✘')} ${check.padEnd(12)} ${found}`);
  const by = approver === null ? '' : ` · vouched for by ${approver.by}: ${approver.why}`;
  const verdict = verified ? pc.green('verified') : pc.red('not trusted');
  console.log(`${pc.bold(`${model}@${version}`)} in ${environment}: ${verdict}${by}`);
};
