// One version held against what MLflow shows of it: every difference is a finding, with what must be undone before it is shown again.
import type { LoadedPackage } from '../../adapters/artifacts/model-package.ts';
import type { MlflowClient } from '../../adapters/mlflow/client.ts';
import { KEY_TAG, LONGEST_TAG, logBatch } from '../../adapters/mlflow/experiments.ts';
import { deleteVersion, restoreRun } from '../../adapters/mlflow/mending.ts';
import { cutDescription, setVersionTag, updateDescription } from '../../adapters/mlflow/models.ts';
import { type ShownVersion, shownRun } from '../../adapters/mlflow/reading.ts';
import { tagSubject } from '../../adapters/postgres/mlflow-ledger.ts';
import { allFigures } from '../../core/model-package.ts';
import type { Deed, Finding, FindingKind } from '../../core/reconcile.ts';
import { cardOf, parameters, runTags, SIGNATURE_TAG, versionTags } from '../register-mlflow.ts';
import { MANIFEST, type ModelPair, type VersionPair } from './truth.ts';

/** A difference, and what undoes it, unless showing the version again does. */
export interface Repair {
  readonly finding: Finding;
  readonly undo?: (mlflow: MlflowClient) => Promise<void>;
}

interface Said {
  readonly found: string | null;
  readonly truth: string | null;
  readonly deed: Deed;
  readonly changedBy?: string | null;
  readonly changedAt?: string | null;
}

export const findingOf = (model: string, subject: string, kind: FindingKind, said: Said): Finding => ({
  kind,
  model,
  subject,
  changedBy: null,
  changedAt: null,
  ...said,
});

/** Everything about one version that is not as the registry has it. */
export const versionRepairs = (model: ModelPair, pair: VersionPair, prefix: string): readonly Repair[] => {
  const { loaded, version } = pair;
  const about = `version ${version.version}`;
  if ('broken' in loaded) {
    const said = { found: loaded.broken, truth: version.packageSha256, deed: 'left' } as const;
    return [{ finding: findingOf(model.name, `${about} package`, 'lost', said) }];
  }
  const side: Side = { model, pair, loaded, prefix, about };
  return [
    ...runRepairs(side),
    ...figureRepairs(side),
    ...fileRepairs(side),
    ...versionItself(side),
    ...tagRepairs(side),
    ...descriptionRepairs(side),
  ];
};

interface Side {
  readonly model: ModelPair;
  readonly pair: VersionPair;
  readonly loaded: LoadedPackage;
  readonly prefix: string;
  /** `version 3`: what its subjects begin with. */
  readonly about: string;
}

/** What is missing was taken away by somebody if this server ever had it. */
const missing = ({ pair }: Side): FindingKind => (pair.run === undefined ? 'lost' : 'hand-made');

const runRepairs = (side: Side): Repair[] => {
  const { model, pair, loaded, prefix, about } = side;
  const { run, version } = pair;
  const { runId } = version.mlflow ?? {};
  if (runId === undefined) return [];
  if (run === undefined) {
    const said = { found: null, truth: runId, deed: 'made again' } as const;
    return [{ finding: findingOf(model.name, `${about} run`, 'lost', said) }];
  }
  const trashed: Repair = {
    finding: findingOf(model.name, `${about} run`, 'hand-made', {
      found: 'in the trash',
      truth: runId,
      deed: 'set back',
    }),
    // Its experiment may have brought it back already.
    undo: async (mlflow) => {
      if ((await shownRun(mlflow, runId))?.deleted) await restoreRun(mlflow, runId);
    },
  };
  const tags = { ...runTags({ version, loaded, prefix }), [KEY_TAG]: version.key };
  const wrong = Object.entries(tags).filter(([key, value]) => run.tags.get(key) !== value.slice(0, LONGEST_TAG));
  return [
    ...(run.deleted ? [trashed] : []),
    ...wrong.map(
      ([key, truth]): Repair => ({
        finding: findingOf(model.name, `${about} run tag ${key}`, 'hand-made', {
          found: run.tags.get(key) ?? null,
          truth,
          deed: 'set back',
        }),
        undo: (mlflow) => logBatch(mlflow, runId, { tags: { [key]: truth } }),
      }),
    ),
  ];
};

/** MLflow keeps every value of a figure, so one that was added cannot be taken away; parameters cannot be changed at all. */
const figureRepairs = ({ model, pair, loaded, about, prefix }: Side): Repair[] => {
  const { run, version } = pair;
  if (run === undefined) return [];
  const figures = Object.entries(allFigures(loaded.evaluation));
  const lost = [
    ...figures.filter(([name]) => !run.metrics.has(name)).map(([name]) => `figure ${name}`),
    ...Object.keys(parameters({ loaded, version, prefix }))
      .filter((name) => !run.params.has(name))
      .map((name) => `parameter ${name}`),
  ];
  const gone: Finding[] = lost.map((what) =>
    findingOf(model.name, `${about} ${what}`, 'lost', { found: null, truth: 'as measured', deed: 'made again' }),
  );
  const other = figures.filter(([name, value]) => run.metrics.has(name) && run.metrics.get(name) !== value);
  const overwritten = other.map(([name, value]) =>
    findingOf(model.name, `${about} figure ${name}`, 'hand-made', {
      found: String(run.metrics.get(name)),
      truth: String(value),
      deed: 'left',
    }),
  );
  return [...gone, ...overwritten].map((finding) => ({ finding }));
};

const fileRepairs = (side: Side): Repair[] => {
  const { model, pair, loaded, about } = side;
  const { files, hashes, runHashes, version, shown } = pair;
  const { modelId } = version.mlflow ?? {};
  if (modelId !== undefined && files === undefined) {
    const said = { found: null, truth: modelId, deed: 'made again' } as const;
    // A version stands on its logged model for good: without that it must be made anew.
    const undo = async (mlflow: MlflowClient) => {
      if (shown?.source === `models:/${modelId}`) await deleteVersion(mlflow, model.name, shown.version);
    };
    return [{ finding: findingOf(model.name, `${about} logged model`, missing(side), said), undo }];
  }
  const wanted = new Map(loaded.manifest.files.map(({ path, sha256 }) => [path as string, sha256]));
  wanted.set(MANIFEST, loaded.sha256);
  const differs = (path: string, found: string | null, truth: string): Repair => ({
    finding: findingOf(model.name, `${about} file ${path}`, found === null ? 'lost' : 'hand-made', {
      found,
      truth,
      deed: found === null ? 'made again' : 'set back',
    }),
  });
  const ownFiles = [...hashes].filter(([path, found]) => found !== wanted.get(path));
  const card = wanted.get('card.md');
  const runFiles = [...runHashes].filter(([path, found]) => found === null || (path === 'card.md' && found !== card));
  return [
    ...ownFiles.map(([path, found]) => differs(path, found, wanted.get(path) ?? '')),
    ...runFiles.map(([path, found]) => differs(`${path} of its run`, found, card ?? 'as drawn')),
  ];
};

const versionItself = (side: Side): Repair[] => {
  const { model, pair, about } = side;
  if (pair.shown !== undefined) return [];
  const truth = pair.version.mlflow ? `MLflow version ${pair.version.mlflow.version}` : 'registered, never shown';
  return [{ finding: findingOf(model.name, about, missing(side), { found: null, truth, deed: 'made again' }) }];
};

/** What a version's tags must say: what it said from the beginning, what was noted since, and who vouches for it. */
export const wantedTags = (
  { ledger }: Pick<ModelPair, 'ledger'>,
  { version, signature }: VersionPair,
  loaded: LoadedPackage,
  prefix: string,
): Readonly<Record<string, string>> => {
  const start = tagSubject(version.version, '');
  const noted = [...ledger].filter(([subject]) => subject.startsWith(start));
  return {
    ...versionTags({ version, loaded, prefix }),
    [KEY_TAG]: version.key,
    ...Object.fromEntries(noted.map(([subject, value]) => [subject.slice(start.length), value])),
    ...(signature === undefined ? {} : { [SIGNATURE_TAG]: signature }),
  };
};

const tagRepairs = ({ model, pair, loaded, prefix }: Side): Repair[] => {
  const { shown, version } = pair;
  if (shown === undefined) return [];
  const wrong = Object.entries(wantedTags(model, pair, loaded, prefix)).filter(
    ([key, value]) => shown.tags.get(key) !== value,
  );
  return wrong.map(([key, truth]): Repair => {
    const found = shown.tags.get(key) ?? null;
    const subject = tagSubject(version.version, key);
    const last = model.ledger.get(subject) ?? null;
    // Who vouches may change after a version was shown; all else stood there once as it should.
    const lags = key === SIGNATURE_TAG && found === last;
    const said = { found, truth, deed: lags ? 'made again' : 'set back', ...seen(shown) } as const;
    return {
      finding: findingOf(model.name, subject, lags ? 'lost' : 'hand-made', said),
      undo: (mlflow) => setVersionTag(mlflow, model.name, shown.version, { key, value: truth }),
    };
  });
};

const descriptionRepairs = ({ model, pair, loaded, about }: Side): Repair[] => {
  const { shown } = pair;
  const truth = cutDescription(cardOf({ loaded }));
  if (shown === undefined || shown.description === truth) return [];
  const said = { found: shown.description, truth, deed: 'set back', ...seen(shown) } as const;
  return [
    {
      finding: findingOf(model.name, `${about} description`, 'hand-made', said),
      undo: (mlflow) => updateDescription(mlflow, model.name, shown.version, truth),
    },
  ];
};

/** MLflow notes when a version was last touched, and seldom by whom. */
export const seen = ({ by, changedAt }: ShownVersion) => ({ changedBy: by, changedAt });
