// The list of new files that discovery leaves for the chunks, kept as an artifact: workflows carry its reference, never the list.
import { z } from 'zod';
import { TextProfile } from '../../adapters/duckdb/read-profile.ts';
import type { ArtifactRef, ArtifactStore } from '../../core/artifact.ts';
import { canonicalJson } from '../../core/commit.ts';
import { PerennialError } from '../../core/errors.ts';

const ManifestFile = z.strictObject({
  path: z.string(),
  /** What the ledger calls it: the path below what was given, or the entry's name in an archive. */
  name: z.string(),
  fileId: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int(),
  modifiedMs: z.number(),
  version: z.int().min(1),
  /** File whose rows leave bronze when this one enters it: the older version, or its own refused self. */
  replaces: z.string().nullable(),
  /** The archive it was unpacked from; it is unpacked again where the scratch folder was cleared. */
  archive: z.strictObject({ path: z.string(), sha256: z.string() }).nullable(),
  /** Of a text file that was looked through whole. */
  profile: TextProfile.optional(),
});
const ManifestChunk = z.strictObject({ source: z.string(), files: z.array(ManifestFile).min(1) });
const Manifest = z.strictObject({ useCase: z.string(), chunks: z.array(ManifestChunk) });

export type ManifestFile = Readonly<z.infer<typeof ManifestFile>>;
export type ManifestChunk = Readonly<z.infer<typeof ManifestChunk>>;
export type Manifest = Readonly<z.infer<typeof Manifest>>;

const CHUNK_FILES = 64;
const CHUNK_BYTES = 256 * 2 ** 20;

export const writeManifest = (artifacts: ArtifactStore, manifest: Manifest): Promise<ArtifactRef> =>
  artifacts.put(Buffer.from(canonicalJson(manifest)));

export const readChunk = async (
  artifacts: ArtifactStore,
  ref: ArtifactRef,
  chunk: number,
): Promise<ManifestChunk & { readonly useCase: string }> => {
  const manifest = Manifest.parse(JSON.parse((await artifacts.get(ref.sha256)).toString('utf8')));
  const found = manifest.chunks[chunk];
  if (found) return { ...found, useCase: manifest.useCase };
  throw new PerennialError('INVALID_INPUT', 'the manifest has no such chunk', { field: 'chunk', value: chunk });
};

/** Files of one source each, in the given order, at most 64 of them and 256 MB, unless one alone is larger. */
export const inChunks = (files: readonly (ManifestFile & { readonly source: string })[]): ManifestChunk[] => {
  const chunks: { source: string; files: ManifestFile[]; bytes: number }[] = [];
  for (const { source, ...file } of files) {
    const last = chunks.findLast((chunk) => chunk.source === source);
    const fits = last !== undefined && last.files.length < CHUNK_FILES && last.bytes + file.bytes <= CHUNK_BYTES;
    const chunk = fits ? last : { source, files: [], bytes: 0 };
    if (!fits) chunks.push(chunk);
    chunk.files.push(file);
    chunk.bytes += file.bytes;
  }
  return chunks.map(({ source, files: own }) => ({ source, files: own }));
};
