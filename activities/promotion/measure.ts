// Measures a package on the environment's own labelled rows, and holds its two forms against each other. Kept by all that determines the
// figures, so that evidence frozen again from unchanged inputs is the same evidence, at no cost.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { LoadedPackage } from '../../adapters/artifacts/model-package.ts';
import { openOnnx } from '../../adapters/onnx/session.ts';
import { contentKey } from '../../core/commit.ts';
import { evaluate } from '../../core/learning/evaluate.ts';
import type { ParityFound } from '../../core/learning/job.ts';
import { flatFigures } from '../../core/model-package.ts';
import type { Deps } from '../deps.ts';
import { extra, readExamples, type Subject, type Tables } from '../examples.ts';
import type { Frame } from '../heartbeat.ts';
import { once } from '../step.ts';

/** Raise when this file measures otherwise from the same inputs. */
const STAGE_VERSION = 1;
const SEED = 42;

export interface Bench {
  readonly deps: Deps;
  readonly frame: Frame;
  readonly subject: Subject;
  /** The labelled cut, and the content of the tables it is read from. */
  readonly cut: string;
  readonly tables: readonly { readonly table: string; readonly key: string }[];
}

export interface Measured {
  readonly figures: Readonly<Record<string, number>>;
  readonly baseline: Readonly<Record<string, number>>;
}

/** The package's figures, and beside them the rule's, on the same rows. */
export const measure = async (bench: Bench, lake: Tables, loaded: LoadedPackage): Promise<Measured> => {
  const { deps, frame, subject, cut, tables } = bench;
  const { baseline, label } = subject.model;
  const key = contentKey({
    stage: 'measure',
    version: STAGE_VERSION,
    package: loaded.sha256,
    rows: { cut, tables, label, features: subject.view.features.map(({ name, kind }) => [name, kind]) },
    baseline,
  });
  const work = () => measureNow(bench, lake, loaded);
  return (await once(deps, { key, stage: 'measure', lineage: frame.lineage }, work)).result;
};

const measureNow = async ({ deps, frame, subject, cut }: Bench, lake: Tables, loaded: LoadedPackage) => {
  const { signature, files } = loaded;
  const { model, view } = subject;
  const asked = { cuts: [cut], dictionaries: signature.categories, labelled: true };
  const own: Subject = { view, model: { ...model, features: signature.features.map(({ name }) => name) } };
  const extras = [`l.${model.label.column}`, model.baseline.score];
  const rows = await readExamples(lake, own, { ...asked, extras }, frame.onProgress);
  const labels = extra(rows, 0);
  const session = await openOnnx(files['model.onnx'], { threads: deps.settings.duckdb.threads });
  const { probability } = await session.score(rows.values, rows.rows);
  await session.release();
  const judged = evaluate(labels, probability, { probabilities: true, seed: SEED });
  const rule = evaluate(labels, extra(rows, 1), { probabilities: false, seed: SEED });
  return { figures: flatFigures(judged.figures), baseline: flatFigures(rule.figures) };
};

/** The exported model against the native text, compared here and now; what the package says of itself is not asked. */
export const compareForms = async (deps: Deps, loaded: LoadedPackage, frame: Frame): Promise<ParityFound> => {
  const { sha256, files } = loaded;
  const key = contentKey({ stage: 'parity', version: STAGE_VERSION, package: sha256 });
  const work = async () => {
    const folder = path.join(deps.settings.stage, 'parity', `${sha256.slice(0, 16)}-${frame.lineage.run}`);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const [modelPath, onnxPath] = [path.join(folder, 'model.txt'), path.join(folder, 'model.onnx')];
    await writeFile(modelPath, files['model.txt']);
    await writeFile(onnxPath, files['model.onnx']);
    const { lightgbmLibrary: libraryPath, duckdb } = deps.settings;
    const job = { libraryPath, modelPath, onnxPath, seed: SEED, threads: duckdb.threads };
    const found = await deps.trainer.parity(job, frame);
    await rm(folder, { recursive: true, force: true });
    return found;
  };
  return (await once(deps, { key, stage: 'parity', lineage: frame.lineage }, work)).result;
};
