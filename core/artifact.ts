// A reference to bytes kept outside the lake (model packages, reports, plans): what activities pass instead of the bytes.

export interface ArtifactRef {
  /** `artifact:<sha256>`: content-addressed, so a reference never changes meaning. */
  readonly uri: `artifact:${string}`;
  readonly sha256: string;
  readonly bytes: number;
}

/** Keeps bytes by their hash; a folder today, a bucket tomorrow. */
export interface ArtifactStore {
  put(bytes: Uint8Array): Promise<ArtifactRef>;
  /** The bytes, verified against the hash they are asked by; `HASH_MISMATCH` if they differ, `UNKNOWN_NAME` if absent. */
  get(sha256: string): Promise<Buffer>;
}
