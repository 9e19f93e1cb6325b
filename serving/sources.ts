// The real sources behind the ports: the registry with the artifact folder for models, the published reports for pages.
import type { PostgresPublishedReports } from '../adapters/postgres/published-reports.ts';
import type { PostgresRegistry } from '../adapters/postgres/registry.ts';
import type { PostgresSignatures } from '../adapters/postgres/signatures.ts';
import { verifyEd25519 } from '../adapters/signing/ed25519.ts';
import type { ArtifactStore } from '../core/artifact.ts';
import { contentKey } from '../core/commit.ts';
import { PerennialError } from '../core/errors.ts';
import { PublishedReport } from '../core/report/published.ts';
import { filesOf, requireSigned, type SigningKeys } from '../core/signed-manifest.ts';
import { loadPackage, type OpenSession } from './load-package.ts';
import type { Champion, LatestReport, ModelSource, ReportSource } from './ports.ts';
import type { Explainer } from './scoring/explainer.ts';

type Artifacts = Pick<ArtifactStore, 'get'>;

export interface ModelStores {
  readonly environment: string;
  readonly registry: Pick<PostgresRegistry, 'champion'>;
  readonly signatures: Pick<PostgresSignatures, 'of'>;
  /** Whose signatures count here; asked anew each time. */
  readonly keys: Pick<SigningKeys, 'keyring'>;
  readonly artifacts: Artifacts;
  readonly open: OpenSession;
  readonly explainer?: Pick<Explainer, 'open'>;
}

/** Champions from the registry, their packages from the artifact store, as far as a key that this environment trusts vouches for them. */
export const registrySource = ({
  environment,
  registry,
  signatures,
  keys,
  artifacts,
  open,
  explainer,
}: ModelStores): ModelSource => {
  /** By model: under which keyring which version was found good. */
  const found = new Map<string, string>();
  const vouch = async (model: string, { version, packageSha256 }: Champion) => {
    const keyring = keys.keyring();
    const asked = { model, version, packageSha256 };
    const trust = { keyring, verify: verifyEd25519 };
    const { keyId, statement } = requireSigned(await signatures.of(asked), { environment, version: asked }, trust);
    found.set(model, contentKey({ asked, keyring }));
    return { by: keyId, files: filesOf(statement) };
  };
  return {
    champion: async (model) => {
      const held = await registry.champion(model);
      return held && { version: held.version, packageSha256: held.packageSha256 };
    },
    load: async (model, champion) =>
      loadPackage(artifacts, open, model, champion.packageSha256, await vouch(model, champion), explainer),
    trusted: async (model, { version, packageSha256 }) => {
      const asked = { model, version, packageSha256 };
      if (found.get(model) !== contentKey({ asked, keyring: keys.keyring() })) await vouch(model, asked);
    },
  };
};

/** Reports kept in memory, the latest used first. */
const KEPT_REPORTS = 8;

/** Published reports; what was shown once is shown on while Postgres or the artifact store is away. */
export const publishedSource = (
  reports: Pick<PostgresPublishedReports, 'latest'>,
  artifacts: Artifacts,
): ReportSource => {
  const kept = new Map<string, LatestReport>();
  const keep = (key: string, found: LatestReport): LatestReport => {
    kept.delete(key);
    kept.set(key, found);
    for (const oldest of [...kept.keys()].slice(0, Math.max(0, kept.size - KEPT_REPORTS))) kept.delete(oldest);
    return found;
  };
  return {
    latest: async (useCase, at) => {
      const key = `${useCase}@${at ?? 'newest'}`;
      const known = kept.get(key);
      try {
        const ref = await reports.latest(useCase, at);
        if (!ref || ref.artifactSha256 === known?.sha256) return ref && known;
        const report = PublishedReport.parse(JSON.parse((await artifacts.get(ref.artifactSha256)).toString('utf8')));
        return keep(key, { report, sha256: ref.artifactSha256 });
      } catch (cause) {
        if (known) return known;
        const mend = 'Try again';
        throw new PerennialError('UNAVAILABLE', 'The published reports cannot be read', {
          field: 'report',
          mend,
          cause,
        });
      }
    },
  };
};
