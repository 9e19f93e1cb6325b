// A landing folder, a lake and the two activities of ingestion: what the tests of ingestion share.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type ChunkTools, type Ingested, ingestOne } from '../../activities/ingest/chunk.ts';
import { type Discovered, type DiscoverTools, discover, sourceNamed } from '../../activities/ingest/discover.ts';
import { readChunk } from '../../activities/ingest/manifest.ts';
import type { ArtifactStore } from '../../core/artifact.ts';
import { sha256 } from '../../core/commit.ts';
import type { UseCase } from '../../core/use-case.ts';

type AnyLake = ChunkTools['lake'] & DiscoverTools['lake'];

export interface Round {
  readonly found: Discovered;
  readonly chunks: readonly Ingested[];
}

const kept = (): ArtifactStore => {
  const all = new Map<string, Buffer>();
  return {
    put: async (bytes) => {
      const hash = sha256(bytes);
      all.set(hash, Buffer.from(bytes));
      return { uri: `artifact:${hash}`, sha256: hash, bytes: bytes.length };
    },
    get: async (hash) => all.get(hash) ?? Buffer.alloc(0),
  };
};

export class Landing {
  readonly folder: string;
  readonly useCase: UseCase;
  readonly lake: AnyLake;

  private constructor(folder: string, useCase: UseCase, lake: AnyLake) {
    this.folder = folder;
    this.useCase = useCase;
    this.lake = lake;
  }

  static async open(sources: UseCase['sources'], lake: AnyLake): Promise<Landing> {
    const folder = await mkdtemp(join(tmpdir(), 'perennial-landing-'));
    const useCase = {
      name: 'shop',
      title: '',
      sources,
      tables: [],
      featureViews: [],
      models: [],
      windows: {},
      pages: [],
    };
    return new Landing(folder, useCase, lake);
  }

  close(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  get inbox(): string {
    return join(this.folder, 'in');
  }

  readonly artifacts: ArtifactStore = kept();

  get stage(): string {
    return join(this.folder, 'stage');
  }

  /** Empties the inbox and puts these files there. */
  async land(files: Record<string, string | Buffer>): Promise<void> {
    await rm(this.inbox, { recursive: true, force: true });
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(this.inbox, name)), { recursive: true });
      await writeFile(join(this.inbox, name), content);
    }
  }

  discover(path = this.inbox, source?: string): Promise<Discovered> {
    const input = { useCase: 'shop', path, ...(source === undefined ? {} : { source }) };
    return discover({ lake: this.lake, artifacts: this.artifacts, stage: this.stage }, this.useCase, input);
  }

  async chunk(found: Discovered, chunk: number, useCase = this.useCase): Promise<Ingested> {
    const listed = await readChunk(this.artifacts, found.manifest, chunk);
    const duckdb = { threads: 2, memoryLimit: '1GB', tempDirectory: join(this.folder, 'spill') };
    const about = { knownAt: '2024-06-01T00:00:00.000Z', lineage: { workflow: 'test' } };
    return ingestOne(
      { lake: this.lake, duckdb, stage: this.stage },
      sourceNamed(useCase, listed.source),
      listed,
      about,
    );
  }

  /** Both activities, one after the other, as the workflow calls them. */
  async ingest(path = this.inbox, source?: string): Promise<Round> {
    const found = await this.discover(path, source);
    const chunks: Ingested[] = [];
    for (let i = 0; i < found.chunks; i++) chunks.push(await this.chunk(found, i));
    return { found, chunks };
  }
}
