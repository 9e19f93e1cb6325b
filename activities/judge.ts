// Judges a trained model on a later cut, beside the rule it has to beat and, on generated data, beside the planted truth; exports it to
// ONNX, holds the export against the original, and packs what is to be registered.
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ArtifactRef } from '../core/artifact.ts';
import { contentKey, type Pin } from '../core/commit.ts';
import { PerennialError } from '../core/errors.ts';
import type { Judgement } from '../core/learning/job.ts';
import { modelCard } from '../core/model-card.ts';
import {
  allFigures,
  buildPackage,
  flatFigures,
  type Lineage,
  type ModelParts,
  type Signature,
} from '../core/model-package.ts';
import type { Plan } from '../core/plan.ts';
import { populationSql } from '../core/population.ts';
import { identifier, type JsonRow, literal } from '../core/sql.ts';
import type { Deps } from './deps.ts';
import { extra, isCategorical, pinOf, readExamples, type Subject, subjectOf, type Tables } from './examples.ts';
import { type Frame, framed } from './heartbeat.ts';
import { withLake } from './lake-session.ts';
import { readPlan } from './plan.ts';
import { once, type StepResult } from './step.ts';
import { type ModelRequest, type TrainedModel, writeFiles } from './train.ts';

/** Raise when this file judges or packs otherwise from the same inputs. */
const STAGE_VERSION = 2;
/** Largest difference between the native model's probability and the exported one's, over adversarial rows. */
const PARITY_TOLERANCE = 1e-9;

export interface JudgeRequest extends ModelRequest {
  readonly trained: TrainedModel;
  /** Folder of the planted truth. */
  readonly truth?: string;
}

export interface JudgedModel {
  /** The package's manifest. */
  readonly package: ArtifactRef;
  readonly metrics: Readonly<Record<string, number>>;
  readonly key: string;
}

export const createJudgeActivities = (deps: Deps) => ({
  judgeModel: (request: JudgeRequest): Promise<StepResult<JudgedModel>> =>
    framed(deps.crash, async (frame) => {
      const plan = await readPlan(deps, request.plan);
      const subject = subjectOf(plan, request.model);
      const key = contentKey({
        stage: 'judge',
        version: STAGE_VERSION,
        trained: request.trained.key,
        model: { gates: subject.model.gates, baseline: subject.model.baseline },
        split: request.moments.split,
        truth: request.truth ?? null,
      });
      return once(deps, { key, stage: 'judge', lineage: frame.lineage }, () =>
        judgeModel(deps, plan, subject, request, key, frame),
      );
    }),
});

const judgeModel = async (
  deps: Deps,
  plan: Plan,
  subject: Subject,
  request: JudgeRequest,
  key: string,
  frame: Frame,
): Promise<JudgedModel> => {
  const folder = path.join(deps.settings.stage, 'judge', key.slice(0, 16));
  const read = () =>
    withLake(deps, frame.signal, async (lake) => {
      await lake.pin([pinOf(request.pins, subject.view.table), pinOf(request.pins, subject.model.label.table)]);
      return judgingRows(lake, subject, request, folder, frame);
    });
  const judged = await judgeRows(deps, plan, subject, request, read, folder, frame);
  const { files, manifestBytes } = buildPackage(judged.parts);
  for (const bytes of Object.values(files)) await deps.artifacts.put(bytes);
  const packed = await deps.artifacts.put(manifestBytes);
  await rm(folder, { recursive: true, force: true });
  return { package: packed, metrics: metricsOf(judged.judgement), key };
};

/** The model's figures, and all that its package is made of. The folder holds the child's files; the caller clears it. */
export const judgeRows = async (
  deps: Deps,
  plan: Plan,
  subject: Subject,
  request: JudgeRequest,
  read: () => Promise<JudgingFiles>,
  folder: string,
  frame: Pick<Frame, 'signal' | 'onProgress'>,
): Promise<{ judgement: Judgement; parts: ModelParts }> => {
  const modelPath = path.join(folder, 'model.txt');
  const text = await deps.artifacts.get(request.trained.text.sha256);
  const reading = read();
  const job = async () => {
    const { population: _, ...rows } = await reading;
    await writeFile(modelPath, text);
    return {
      libraryPath: deps.settings.lightgbmLibrary,
      modelPath,
      features: subject.model.features.map((name) => ({
        name,
        kind: isCategorical(subject, name) ? ('categorical' as const) : ('numeric' as const),
      })),
      ...rows,
      baselineName: subject.model.baseline.name,
      seed: plan.seed,
      threads: deps.settings.duckdb.threads,
      out: folder,
    };
  };
  const judgement = await deps.trainer.judge(job(), frame);
  requireParity(subject, judgement);
  const found = { ...judgement, population: (await reading).population };
  return { judgement, parts: await partsOf(deps, plan, subject, request, found, text.toString('utf8')) };
};

export type JudgingFiles = Awaited<ReturnType<typeof judgingRows>>;

/** The rows of the calibration and the test cut, on disk for the child, from tables that are readable by name. */
export const judgingRows = async (
  lake: Tables,
  subject: Subject,
  request: Pick<JudgeRequest, 'moments' | 'trained' | 'truth'>,
  folder: string,
  { onProgress }: Pick<Frame, 'onProgress'>,
) => {
  const { model, view } = subject;
  const { calibrate, test } = request.moments.split;
  const label = `l.${model.label.column}`;
  const read = (cut: string, extras: readonly string[], join = '') =>
    readExamples(
      lake,
      subject,
      { cuts: [cut], dictionaries: request.trained.dictionaries, extras, labelled: true, join },
      onProgress,
    );
  const oracle = await oracleFile(request.truth, test);
  const join =
    oracle === undefined
      ? ''
      : `left join read_parquet(${literal(oracle)}) o on o.user_id::varchar = f.${identifier(view.entity)}::varchar`;
  const ceiling = oracle === undefined ? [] : ['o.probability'];
  const early = await read(calibrate, [label]);
  const late = await read(test, [label, model.baseline.score, ...ceiling], join);
  const calibrated = { matrix: early.values, labels: extra(early, 0) };
  const tested = { matrix: late.values, labels: extra(late, 0), baseline: extra(late, 1) };
  const [population = {}] = await lake.db.rows(populationSql(view.table, view.features, test));
  // A truth that does not know every tested user (other data came in beside the generated) is no ceiling for them.
  const ceiled = oracle !== undefined && !extra(late, 2).some(Number.isNaN);
  const planted = ceiled ? await writeFiles(path.join(folder, 'truth'), { oracle: extra(late, 2) }) : {};
  return {
    population,
    calibrate: { rows: early.rows, ...(await writeFiles(path.join(folder, 'calibrate'), calibrated)) },
    test: { rows: late.rows, cut: test, ...(await writeFiles(path.join(folder, 'test'), tested)), ...planted },
  };
};

const oracleFile = async (truth: string | undefined, cut: string): Promise<string | undefined> => {
  if (truth === undefined) return undefined;
  const file = path.join(truth, `oracle-${cut}.parquet`);
  return access(file).then(
    () => file,
    () => undefined,
  );
};

const requireParity = ({ model }: Subject, { parity }: Judgement): void => {
  if (parity.maxAbsDifference <= PARITY_TOLERANCE) return;
  throw new PerennialError(
    'PARITY_BROKEN',
    `the ONNX export of ${model.name} differs from the model by ${parity.maxAbsDifference} on ${parity.rows} rows`,
    {
      field: 'maxAbsDifference',
      value: parity.maxAbsDifference,
      mend: `At most ${PARITY_TOLERANCE} is allowed; nothing was registered`,
    },
  );
};

const partsOf = async (
  deps: Deps,
  plan: Plan,
  subject: Subject,
  request: JudgeRequest,
  judgement: Judgement & Typical,
  nativeText: string,
): Promise<ModelParts> => {
  const parts = {
    useCase: plan.useCase,
    model: subject.model.name,
    onnx: await readFile(judgement.onnxPath),
    nativeText,
    signature: signatureOf(plan, subject, request, judgement),
    evaluation: judgement.evaluation,
    lineage: lineageOf(deps, plan, subject, request),
  };
  return { ...parts, card: modelCard({ ...parts, question: subject.model.question, parity: judgement.parity }) };
};

/** Typical values of each feature, for entities nobody knows. */
interface Typical {
  readonly population: JsonRow;
}

const signatureOf = (
  plan: Plan,
  subject: Subject,
  { trained }: JudgeRequest,
  { calibration, population }: Judgement & Typical,
): Signature => {
  const { observationDays, gapDays, labelDays } = plan.windows;
  return {
    format: 'perennial/signature/1',
    entity: subject.view.entity,
    features: subject.model.features.map((name) => ({
      name,
      kind: isCategorical(subject, name) ? 'categorical' : 'numeric',
      description: subject.view.features.find((feature) => feature.name === name)?.description ?? '',
    })),
    categories: Object.fromEntries(Object.entries(trained.dictionaries).map(([name, values]) => [name, [...values]])),
    output: { name: subject.model.name, meaning: subject.model.label.description },
    calibration,
    population: Object.fromEntries(subject.model.features.map((name) => [name, typical(population[name])])),
    windows: { observationDays, gapDays, labelDays },
  };
};

const lineageOf = ({ settings }: Deps, plan: Plan, { model, view }: Subject, request: JudgeRequest): Lineage => {
  const { asOf, split } = request.moments;
  const input = (pin: Pin) => ({ table: pin.table, snapshot: pin.snapshot, key: pin.key });
  return {
    environment: settings.name,
    source: plan.source,
    codeVersion: settings.codeVersion,
    planHash: request.plan.sha256,
    seed: plan.seed,
    asOf,
    split: { ...split, train: [...split.train] },
    inputs: [input(pinOf(request.pins, view.table)), input(pinOf(request.pins, model.label.table))],
    ...(view.version !== undefined && {
      features: {
        view: view.name,
        version: view.version,
        ...(model.featureService !== undefined && { service: model.featureService }),
      },
    }),
    trainingRows: request.trained.rows,
    ...(request.trained.matrix === undefined ? {} : { trainingMatrix: request.trained.matrix }),
    learner: { kind: model.learner.kind, rounds: model.learner.rounds, params: { ...model.learner.params } },
  };
};

/** `roc_auc`, `roc_auc_low`, …; `baseline_roc_auc`, …; `oracle_…` and the paired `gap_…`, where there is an oracle. */
const metricsOf = ({ evaluation, gap, parity }: Judgement): Record<string, number> => ({
  parity_max_difference: parity.maxAbsDifference,
  test_rows: evaluation.test.rows,
  ...allFigures(evaluation),
  ...flatFigures(gap, 'gap_'),
});

const typical = (value: JsonRow[string] | undefined): string | number | null =>
  typeof value === 'string' || typeof value === 'number' ? value : null;
