// `perennial verify`: every check is told, whichever of them fails, and one failure is enough.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import { storePackage } from '../../adapters/artifacts/model-package.ts';
import type { RegisteredVersion } from '../../adapters/postgres/registry.ts';
import { KeyFolder } from '../../adapters/signing/key-folder.ts';
import { verdictOn } from '../../cli/commands/verify.ts';
import { buildPackage } from '../../core/model-package.ts';
import { type Envelope, seal, statementOf } from '../../core/signed-manifest.ts';
import { sampleParts } from '../core/sample-evaluation.ts';

let home: string;
let version: RegisteredVersion;
let envelope: Envelope;
const built = buildPackage(sampleParts());
const place = () => ({ name: 'dev' as const, keys: join(home, 'keys'), artifacts: join(home, 'artifacts') });

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'perennial-verify-'));
  await storePackage(new FolderArtifacts(place().artifacts), built);
  version = {
    model: 'ecommerce-intelligence/propensity',
    version: 2,
    key: 'key-of-two',
    packageSha256: built.sha256,
    metrics: { roc_auc: 0.78 },
    lineage: {},
    state: 'pending',
    createdBy: 'test',
    createdAt: new Date('2025-05-01T00:00:00Z'),
    runId: 'run',
    mlflow: null,
  };
  const signer = new KeyFolder(place().keys, 'dev').signer();
  const approver = { by: 'alice', why: 'better on every slice' };
  const parts = { environment: 'dev', version, manifest: built.manifest, approver, signedWith: signer.keyId };
  envelope = seal(statementOf(parts), signer);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const failed = async (given: RegisteredVersion, envelopes: readonly unknown[]) =>
  (await verdictOn(place(), given, envelopes)).checks.filter(({ ok }) => !ok).map(({ check }) => check);

describe('a verdict', () => {
  it('names the approver and every check of a version that is as it was signed', async () => {
    const verdict = await verdictOn(place(), version, [envelope]);
    expect(verdict).toMatchObject({ verified: true, approver: { by: 'alice' }, version: 2 });
    expect(verdict.checks.map(({ check }) => check)).toEqual([
      'signature',
      'environment',
      'version',
      'package',
      'registry',
      'files',
    ]);
  });

  it('finds what was changed in the registry, in the artifacts, or never signed', async () => {
    expect(await failed({ ...version, metrics: { roc_auc: 0.99 } }, [envelope])).toEqual(['registry']);
    expect(await failed({ ...version, version: 3 }, [envelope])).toEqual(['version']);
    expect(await failed(version, [])).toEqual(['signature']);
    const file = readdirSync(place().artifacts, { recursive: true, encoding: 'utf8' }).find((name) =>
      name.endsWith(built.manifest.files.find(({ path }) => path === 'model.onnx')?.sha256 ?? '?'),
    );
    writeFileSync(join(place().artifacts, file ?? ''), 'not a netw0rk');
    expect(await failed(version, [envelope])).toEqual(['files']);
  });
});
