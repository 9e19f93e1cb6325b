// Names the lake's present content, or a choice of its tables, as a data version; and takes such a name back.
import { z } from 'zod';
import { PostgresDataTags } from '../adapters/postgres/data-tags.ts';
import { type DataTag, requireTagName, type TaggedTable, tablesToTag } from '../core/data-tag.ts';
import { qualified } from '../core/sql.ts';
import type { Deps } from './deps.ts';
import { framed } from './heartbeat.ts';
import { commitLog, type OpenLake, withLake } from './lake-session.ts';
import { parsed } from './parsed.ts';

const By = z.string().min(1).max(200);
const Why = z.string().max(2_000);

const TagRequest = z.strictObject({
  name: z.string().transform(requireTagName),
  description: Why.default(''),
  metadata: z.record(z.string().min(1).max(100), z.string().max(1_000)).default({}),
  /** None: every table of the catalog. */
  tables: z.array(z.string()).default([]),
  by: By,
});
export type TagRequest = z.input<typeof TagRequest>;

const TagDeed = z.strictObject({ tag: z.string().transform(requireTagName), by: By, why: Why.default('') });
/** Asks for something to be done with a tag. */
export type TagDeed = z.input<typeof TagDeed>;

export const createDataTagActivities = (deps: Deps) => ({
  /** Where every table stands now, counted and kept under a name. */
  tagData: (request: TagRequest): Promise<DataTag> =>
    framed(deps.crash, async ({ signal, lineage }) => {
      const { name, description, metadata, tables: asked, by } = parsed(TagRequest, request);
      const pins = tablesToTag(await commitLog(deps).heads(), asked);
      const tables = await withLake(deps, signal, (lake) => counted(lake, pins));
      const tag = { name, description, metadata, whole: asked.length === 0, tables, createdBy: by };
      return new PostgresDataTags(deps.pool).add(tag, lineage.run);
    }),

  /** The tag's rows stay; it is no longer found, and the snapshots it named may expire. */
  untagData: (request: TagDeed): Promise<DataTag> =>
    framed(deps.crash, async ({ lineage }) => {
      const { tag: name, by, why } = parsed(TagDeed, request);
      return new PostgresDataTags(deps.pool).remove(name, { by, why, runId: lineage.run });
    }),
});

export const parseDeed = (deed: TagDeed): z.output<typeof TagDeed> => parsed(TagDeed, deed);

const counted = async (lake: OpenLake, pins: readonly Omit<TaggedTable, 'rows'>[]): Promise<TaggedTable[]> => {
  const tables: TaggedTable[] = [];
  for (const { table, snapshot, key } of pins) {
    const rows = await lake.db.number(`select count(*) from lake.${qualified(table)} at (version => ${snapshot})`);
    tables.push({ table, snapshot, key, rows });
  }
  return tables;
};
