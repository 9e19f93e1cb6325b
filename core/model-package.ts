// What a model version consists of: the files of its package, the manifest that binds them by hash, and where they came from.
import { z } from 'zod';
import { canonicalJson, sha256 } from './commit.ts';
import { PerennialError } from './errors.ts';
import { Curves, ImportanceRow, ShapRow } from './pictures/curves.ts';

const Name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/);
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const IsoMoment = z.string().regex(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z?)?$/);
const FigureName = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/);

/** A metric, with the bounds of its bootstrap interval where it has one. */
export const Figure = z.strictObject({ value: z.number(), low: z.number().optional(), high: z.number().optional() });
export const Figures = z.record(FigureName, Figure);

/** `signature.json`: all that a server needs to turn a customer's features into the model's input and its output into a probability. */
export const Signature = z
  .strictObject({
    format: z.literal('perennial/signature/1'),
    entity: z.string(),
    /** In the order of the input vector. */
    features: z.array(
      z.strictObject({ name: z.string(), kind: z.enum(['numeric', 'categorical']), description: z.string() }),
    ),
    /** By categorical feature: its values in the order of their codes 0, 1, …; any other value is missing (NaN). */
    categories: z.record(z.string(), z.array(z.string()).readonly()),
    output: z.strictObject({ name: Name, meaning: z.string() }),
    /** probability = 1 / (1 + exp(−(slope · raw + intercept))), raw being the model's log-odds before calibration. */
    calibration: z.strictObject({ slope: z.number(), intercept: z.number() }),
    /** What is typical: medians and most frequent values at the test cut; answers for an entity nobody knows. */
    population: z.record(z.string(), z.union([z.number(), z.string(), z.null()])).optional(),
    windows: z.strictObject({
      observationDays: z.int().positive(),
      gapDays: z.int().min(0),
      labelDays: z.int().positive(),
    }),
  })
  .refine(({ features, categories }) => {
    const categorical = features.filter(({ kind }) => kind === 'categorical').map(({ name }) => name);
    return canonicalJson(categorical.toSorted()) === canonicalJson(Object.keys(categories).toSorted());
  }, 'Each categorical feature has a dictionary, and no other feature has one');

/** `metrics.json`: how the version was judged, on which rows, beside what. */
export const Evaluation = z.strictObject({
  test: z.strictObject({ cut: IsoMoment, rows: z.int().positive(), positives: z.int().min(0) }),
  figures: Figures,
  curves: Curves,
  baseline: z.strictObject({ name: z.string(), figures: Figures, curves: Curves }),
  /** The generator's own probability given the observable history, where the data are generated. */
  oracle: z.strictObject({ figures: Figures, curves: Curves }).optional(),
  importance: z.array(ImportanceRow).readonly(),
  shap: z.array(ShapRow).readonly(),
});

/** Where a version came from: enough to make it again. */
export const Lineage = z.strictObject({
  environment: Name,
  source: Name,
  codeVersion: z.string().min(1),
  planHash: Sha256,
  seed: z.int(),
  asOf: IsoMoment,
  split: z.strictObject({
    train: z.array(IsoMoment).readonly(),
    calibrate: IsoMoment,
    test: IsoMoment,
    score: IsoMoment,
  }),
  /** Tables that training read, at their snapshots and commit keys; the feature table first. */
  inputs: z.array(z.strictObject({ table: z.string(), snapshot: z.int().min(0), key: z.string().min(1) })).min(1),
  /** The feature view it reads, pinned by its version, and the named set of features; versions from before they were recorded lack it. */
  features: z
    .strictObject({ view: Name, version: z.string().regex(/^[0-9a-f]{12}$/), service: Name.optional() })
    .optional(),
  trainingRows: z.int().positive(),
  /** Hash of all that the learner was given; versions from before it was recorded lack it. */
  trainingMatrix: Sha256.optional(),
  learner: z.strictObject({
    kind: z.string(),
    rounds: z.int().positive(),
    params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  }),
});

export const PACKAGE_FILES = [
  'MLmodel',
  'card.md',
  'metrics.json',
  'model.onnx',
  'model.txt',
  'signature.json',
] as const;
export type PackageFile = (typeof PACKAGE_FILES)[number];

/** `manifest.json`: canonical JSON, so that its own sha256 is the package's hash. */
export const Manifest = z
  .strictObject({
    format: z.literal('perennial/model-package/1'),
    useCase: Name,
    model: Name,
    files: z.array(z.strictObject({ path: z.enum(PACKAGE_FILES), sha256: Sha256, bytes: z.int().positive() })),
    lineage: Lineage,
  })
  .refine(
    ({ files }) => canonicalJson(files.map(({ path }) => path)) === canonicalJson(PACKAGE_FILES),
    'The manifest lists each file of a package once, in order',
  );

export type Figure = z.infer<typeof Figure>;
export type Figures = z.infer<typeof Figures>;
export type Signature = z.infer<typeof Signature>;
export type Evaluation = z.infer<typeof Evaluation>;
export type Lineage = z.infer<typeof Lineage>;
export type Manifest = z.infer<typeof Manifest>;

export interface ModelParts {
  readonly useCase: string;
  readonly model: string;
  readonly onnx: Uint8Array;
  /** LightGBM's own text. */
  readonly nativeText: string;
  readonly signature: Signature;
  readonly evaluation: Evaluation;
  /** Markdown; see `model-card.ts`. */
  readonly card: string;
  readonly lineage: Lineage;
}

export interface ModelPackage {
  readonly files: Readonly<Record<PackageFile, Uint8Array>>;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  /** Hash of the manifest, and so of everything in the package. */
  readonly sha256: string;
}

/** Builds a package; equal parts give equal bytes. `INVALID_INPUT` names the part that breaks its schema. */
export const buildPackage = (parts: ModelParts): ModelPackage => {
  const signature = parsed(Signature, parts.signature, 'signature');
  const files: Record<PackageFile, Uint8Array> = {
    MLmodel: encode(mlmodelFile(parts)),
    'card.md': encode(parts.card),
    'metrics.json': encode(canonicalJson(parsed(Evaluation, parts.evaluation, 'evaluation'))),
    'model.onnx': parts.onnx,
    'model.txt': encode(parts.nativeText),
    'signature.json': encode(canonicalJson(signature)),
  };
  const manifest = parsed(
    Manifest,
    {
      format: 'perennial/model-package/1',
      useCase: parts.useCase,
      model: parts.model,
      files: PACKAGE_FILES.map((path) => ({ path, sha256: sha256(files[path]), bytes: files[path].byteLength })),
      lineage: parts.lineage,
    },
    'manifest',
  );
  const manifestBytes = encode(canonicalJson(manifest));
  return { files, manifest, manifestBytes, sha256: sha256(manifestBytes) };
};

/** Reads a manifest from bytes whose hash was verified. */
export const parseManifest = (bytes: Uint8Array): Manifest => parsed(Manifest, decode(bytes), 'manifest.json');
export const parseSignature = (bytes: Uint8Array): Signature => parsed(Signature, decode(bytes), 'signature.json');
export const parseEvaluation = (bytes: Uint8Array): Evaluation => parsed(Evaluation, decode(bytes), 'metrics.json');

/** Figures as plain numbers, intervals as `…_low` and `…_high`: what gates compare and registries store. */
export const flatFigures = (figures: Figures, prefix = ''): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(figures).flatMap(([name, { value, low, high }]) => [
      [`${prefix}${name}`, value],
      ...(low === undefined ? [] : [[`${prefix}${name}_low`, low]]),
      ...(high === undefined ? [] : [[`${prefix}${name}_high`, high]]),
    ]),
  );

/** All figures of an evaluation under one roof: the model's, `baseline_…`, and `oracle_…` where the truth is known. */
export const allFigures = ({ figures, baseline, oracle }: Evaluation): Readonly<Record<string, number>> => ({
  ...flatFigures(figures),
  ...flatFigures(baseline.figures, 'baseline_'),
  ...flatFigures(oracle?.figures ?? {}, 'oracle_'),
});

/**
 * MLflow's description of a model, for its viewers. It names no run and no moment but `asOf`, since the same bytes are shown by every
 * environment. JSON strings are YAML scalars, so nothing in them can break out.
 */
const mlmodelFile = ({ useCase, model, signature, lineage, onnx }: ModelParts): string => {
  const inputs = signature.features.map(({ name, kind }) => ({
    type: kind === 'numeric' ? 'double' : 'string',
    name,
    required: true,
  }));
  const outputs = [{ type: 'double', name: signature.output.name, required: true }];
  const text = (value: string) => JSON.stringify(value);
  return [
    `artifact_path: ${text(`${useCase}/${model}`)}`,
    'flavors:',
    '  onnx:',
    '    data: model.onnx',
    '    onnx_version: 1.19.0',
    '    providers: [CPUExecutionProvider]',
    '    code: null',
    '  perennial:',
    '    format: onnx+lightgbm',
    '    native: model.txt',
    '    signature: signature.json',
    'mlflow_version: 3.17.2',
    `model_uuid: ${sha256(onnx).slice(0, 32)}`,
    'signature:',
    `  inputs: ${text(JSON.stringify(inputs))}`,
    `  outputs: ${text(JSON.stringify(outputs))}`,
    '  params: null',
    `utc_time_created: ${text(`${lineage.asOf.slice(0, 10)} 00:00:00.000000`)}`,
    '',
  ].join('\n');
};

const parsed = <T>(schema: z.ZodType<T>, value: unknown, field: string): T => {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new PerennialError('INVALID_INPUT', `The model package is broken: ${z.prettifyError(result.error)}`, { field });
};

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
