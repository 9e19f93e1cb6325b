// Model packages in an artifact store: each file by its hash, the manifest last. For training, registration and serving.
import type { ArtifactRef, ArtifactStore } from '../../core/artifact.ts';
import { PerennialError } from '../../core/errors.ts';
import {
  type Evaluation,
  type Manifest,
  type ModelPackage,
  PACKAGE_FILES,
  type PackageFile,
  parseEvaluation,
  parseManifest,
  parseSignature,
  type Signature,
} from '../../core/model-package.ts';

export interface LoadedPackage {
  readonly sha256: string;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly files: Readonly<Record<PackageFile, Uint8Array>>;
  readonly signature: Signature;
  readonly evaluation: Evaluation;
}

/** Puts a package into the store; what comes back names it whole. The manifest goes last: where it is, everything is. */
export const storePackage = async (
  store: ArtifactStore,
  { files, manifestBytes }: ModelPackage,
): Promise<ArtifactRef> => {
  for (const path of PACKAGE_FILES) await store.put(files[path]);
  return store.put(manifestBytes);
};

/** The package whose manifest has this hash. The bytes returned are the bytes verified; `HASH_MISMATCH` if any differ. */
export const loadPackage = async (store: Pick<ArtifactStore, 'get'>, sha256: string): Promise<LoadedPackage> => {
  const manifestBytes = await store.get(sha256);
  const manifest = parseManifest(manifestBytes);
  const entries = await Promise.all(
    manifest.files.map(async (file) => [file.path, checkedSize(await store.get(file.sha256), file)] as const),
  );
  const bytes = new Map<PackageFile, Uint8Array>(entries);
  const file = (path: PackageFile): Uint8Array => {
    const found = bytes.get(path);
    if (found) return found;
    throw new PerennialError('CONTRACT_BROKEN', 'The package lacks a file', { field: 'path', value: path });
  };
  const files: LoadedPackage['files'] = {
    MLmodel: file('MLmodel'),
    'card.md': file('card.md'),
    'metrics.json': file('metrics.json'),
    'model.onnx': file('model.onnx'),
    'model.txt': file('model.txt'),
    'signature.json': file('signature.json'),
  };
  const signature = parseSignature(files['signature.json']);
  const evaluation = parseEvaluation(files['metrics.json']);
  return { sha256, manifest, manifestBytes, files, signature, evaluation };
};

const checkedSize = (bytes: Uint8Array, { path, bytes: expected }: Manifest['files'][number]): Uint8Array => {
  if (bytes.byteLength === expected) return bytes;
  throw new PerennialError('HASH_MISMATCH', 'The manifest states another size', {
    field: path,
    value: bytes.byteLength,
  });
};
