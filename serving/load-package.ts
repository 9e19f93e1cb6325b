// From a signed package to a model that answers: every byte that is loaded was verified, and nothing else is read.
import type { ArtifactStore } from '../core/artifact.ts';
import { sha256 } from '../core/commit.ts';
import { PerennialError } from '../core/errors.ts';
import { onlineName } from '../core/feature-version.ts';
import { inputVector } from '../core/learning/input-vector.ts';
import { calibrated } from '../core/learning/platt.ts';
import { openTrees } from '../core/learning/tried-trees.ts';
import {
  type Manifest,
  type PackageFile,
  parseManifest,
  parseSignature,
  type Signature,
} from '../core/model-package.ts';
import type { FeatureValues, LoadedModel } from './ports.ts';
import type { Explainer } from './scoring/explainer.ts';
import { scoringOf } from './scoring/model.ts';

/** A session over verified ONNX bytes. */
export interface Session {
  /** `rows` vectors one after another; log-odds before calibration and calibrated probability, one a row. */
  score(input: Float64Array, rows: number): Promise<{ readonly raw: Float64Array; readonly probability: Float64Array }>;
  release(): Promise<void>;
}

/** Opens ONNX bytes; refuses bytes that point outside themselves. */
export type OpenSession = (bytes: Uint8Array) => Promise<Session>;

/** Of a probability computed twice in float64. */
const MOST_DIFFERENCE = 1e-9;

/** What was signed: the key that did, and the hash of every file by its name, the manifest among them. */
export interface Vouched {
  readonly by: string;
  readonly files: ReadonlyMap<string, string>;
}

/**
 * Loads a package of the model `registered` (`<use case>/<model>`), as far as somebody vouched for it. Without an explainer it has no reasons.
 * `HASH_MISMATCH` for any byte that differs, `CONTRACT_BROKEN` for a package of another model, `INVALID_INPUT` for a broken schema.
 */
export const loadPackage = async (
  artifacts: Pick<ArtifactStore, 'get'>,
  open: OpenSession,
  registered: string,
  packageSha256: string,
  vouched: Vouched,
  explainer?: Pick<Explainer, 'open'>,
): Promise<LoadedModel> => {
  signed(vouched, 'manifest.json', packageSha256);
  const manifest = parseManifest(await verified(artifacts, packageSha256, 'manifest.json'));
  belongsTo(manifest, registered);
  const files = new Map<PackageFile, Buffer>();
  for (const { path, sha256: hash } of manifest.files) {
    signed(vouched, path, hash);
    files.set(path, await verified(artifacts, hash, path));
  }
  const signature = parseSignature(fileOf(files, 'signature.json'));
  const session = await open(fileOf(files, 'model.onnx'));
  const vector = inputVector(signature);
  const population = populationOf(signature);
  const trees = await released(session, async () => {
    await agree(session, signature);
    const trial = [{}, population].map(vector.row);
    return openTrees(fileOf(files, 'model.txt').toString('utf8'), session, vector.width, trial);
  });
  const reasons = 'model' in trees ? explainer?.open(trees.model) : undefined;
  return {
    ...scoringOf(signature, vector, session, trees, reasons),
    signedBy: vouched.by,
    view: onlineName({ table: manifest.lineage.inputs[0]?.table ?? '', version: manifest.lineage.features?.version }),
    signature,
    population,
    close: () => {
      reasons?.close();
      return session.release();
    },
  };
};

/** What `work` gives; the session is closed if it fails. */
const released = async <T>(session: Session, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    await session.release();
    throw error;
  }
};

/** The graph's probability must be what the signature says of its raw score, on a row where everything is missing. */
const agree = async (session: Session, { features, calibration }: Signature): Promise<void> => {
  const { raw, probability } = await session.score(new Float64Array(features.length).fill(Number.NaN), 1);
  const difference = Math.abs(calibrated(calibration, raw[0] ?? Number.NaN) - (probability[0] ?? Number.NaN));
  if (difference <= MOST_DIFFERENCE) return;
  throw new PerennialError('PARITY_BROKEN', 'The graph and the signature disagree about the probability', {
    field: 'calibration',
    value: String(difference),
  });
};

const signed = ({ by, files }: Vouched, path: string, hash: string): void => {
  if (files.get(path) === hash) return;
  throw new PerennialError('HASH_MISMATCH', `Key ${by} signed another ${path}`, { field: path, value: hash });
};

const verified = async (artifacts: Pick<ArtifactStore, 'get'>, hash: string, path: string): Promise<Buffer> => {
  const bytes = await artifacts.get(hash);
  if (sha256(bytes) === hash) return bytes;
  throw new PerennialError('HASH_MISMATCH', `${path} holds other bytes than its manifest says`, {
    field: path,
    value: sha256(bytes),
    mend: 'Restore the artifact, or promote another version',
  });
};

const belongsTo = ({ useCase, model }: Manifest, registered: string): void => {
  if (`${useCase}/${model}` === registered) return;
  throw new PerennialError('CONTRACT_BROKEN', 'The package belongs to another model', {
    field: 'model',
    value: `${useCase}/${model}`,
    mend: `Register a package of ${registered} under that name`,
  });
};

const fileOf = (files: ReadonlyMap<PackageFile, Buffer>, path: PackageFile): Buffer => {
  const bytes = files.get(path);
  if (bytes) return bytes;
  throw new PerennialError('CONTRACT_BROKEN', 'The package lacks a file', { field: path });
};

/** The signature's population values; a feature without one is missing, as it would be for a customer nobody knows. */
const populationOf = (signature: Signature): FeatureValues =>
  Object.fromEntries(signature.features.map(({ name }) => [name, signature.population?.[name] ?? null]));
