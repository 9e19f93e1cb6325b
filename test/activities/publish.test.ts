// Publishing: the pages' queries run, everything is drawn and kept, twice the same bytes; a query that fails is named.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Press, type PublishInput, publishReport } from '../../activities/publish.ts';
import type { DuckDb } from '../../adapters/duckdb/session.ts';
import type { PublishedReportRef } from '../../adapters/postgres/published-reports.ts';
import { renderSvg } from '../../adapters/vega/render.ts';
import { sha256 } from '../../core/commit.ts';
import { PublishedReport } from '../../core/report/published.ts';
import { pages } from '../../models/ecommerce-intelligence/pages/index.ts';
import { evaluation, openShop } from './shop.ts';

const step = { signal: new AbortController().signal, onProgress: () => undefined };
const input: PublishInput = {
  useCase: 'ecommerce-intelligence',
  source: 'clickstream',
  run: 'dev/ecommerce 2025-05-01',
  asOf: '2025-05-01',
  pins: [
    { table: 'gold.rfm', snapshot: 12 },
    { table: 'bronze.files', snapshot: 7 },
  ],
  model: { name: 'propensity', version: 3, evaluation },
};

describe('publishReport', () => {
  let folder: string;
  let db: DuckDb;
  const kept = new Map<string, Uint8Array>();
  const recorded: PublishedReportRef[] = [];
  const press = (): Press => ({
    env: 'dev',
    lake: { db, pin: async () => undefined },
    useCases: [
      {
        name: 'ecommerce-intelligence',
        title: 'E-commerce',
        pages,
        sources: [],
        tables: [],
        featureViews: [],
        models: [],
        windows: {},
      },
    ],
    artifacts: {
      put: async (bytes) => {
        const hash = sha256(bytes);
        kept.set(hash, bytes);
        return { uri: `artifact:${hash}`, sha256: hash, bytes: bytes.byteLength };
      },
      get: async (hash) => Buffer.from(kept.get(hash) ?? []),
    },
    reports: {
      record: async (report) => {
        recorded.push(report);
      },
    },
    reportsFolder: folder,
    draw: renderSvg,
    crash: () => undefined,
  });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'publish-'));
    db = await openShop(folder);
  });
  afterAll(async () => {
    db.close();
    await rm(folder, { recursive: true });
  });

  it('keeps data and document, records them, and gives the same bytes again', async () => {
    const first = await publishReport(press(), input, step);
    const second = await publishReport(press(), input, step);
    expect(second).toEqual(first);
    expect(first.snapshot).toBe(12);
    expect(first.file).toBe(join(folder, 'dev-ecommerce-2025-05-01.html'));
    expect(recorded[0]).toMatchObject({
      useCase: 'ecommerce-intelligence',
      snapshot: 12,
      artifactSha256: first.data.sha256,
    });
    expect(first.headlines).toHaveLength(pages.length);
    const document = await readFile(first.file, 'utf8');
    expect(sha256(document)).toBe(first.html.sha256);
    expect(document).not.toMatch(/<script|<b>yesterday/);
    const data = PublishedReport.parse(JSON.parse(Buffer.from(kept.get(first.data.sha256) ?? []).toString()));
    expect(data.pages.flatMap((page) => page.charts.filter(({ svg }) => !svg))).toEqual([]);
  }, 60_000);

  it('names the page and the query that fails', async () => {
    await db.run('alter table gold.rfm rename to rfm_gone');
    await expect(publishReport(press(), input, step)).rejects.toMatchObject({
      code: 'CONTRACT_BROKEN',
      context: { field: 'customers.segments' },
    });
    await db.run('alter table gold.rfm_gone rename to rfm');
  });

  it('stops when it is told to, and knows its use cases', async () => {
    const stopped = { ...step, signal: AbortSignal.abort() };
    await expect(publishReport(press(), input, stopped)).rejects.toThrow(/abort/i);
    await expect(publishReport(press(), { ...input, useCase: 'other' }, step)).rejects.toMatchObject({
      code: 'UNKNOWN_NAME',
    });
  });
});
