// The real sources behind the ports: the registry with the artifact folder for models, the published reports for pages.
import type { PostgresPublishedReports } from '../adapters/postgres/published-reports.ts';
import type { PostgresRegistry } from '../adapters/postgres/registry.ts';
import type { ArtifactStore } from '../core/artifact.ts';
import { PerennialError } from '../core/errors.ts';
import { PublishedReport } from '../core/report/published.ts';
import { loadPackage, type OpenSession } from './load-package.ts';
import type { LatestReport, ModelSource, ReportSource } from './ports.ts';

type Artifacts = Pick<ArtifactStore, 'get'>;

/** Champions from the registry, their packages from the artifact store. */
export const registrySource = (
  registry: Pick<PostgresRegistry, 'champion'>,
  artifacts: Artifacts,
  open: OpenSession,
): ModelSource => ({
  champion: async (model) => {
    const held = await registry.champion(model);
    return held && { version: held.version, packageSha256: held.packageSha256 };
  },
  load: (model, { packageSha256 }) => loadPackage(artifacts, open, model, packageSha256),
});

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
