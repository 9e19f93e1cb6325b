// What is done to a catalog's data versions: a tag is made or removed, the catalog is rolled back to one. Each is one step, done by the
// environment's own worker, with an account of who asked.
import type { TagDeed, TagRequest } from '../activities/data-tags.ts';
import type { RolledBack } from '../activities/rollback.ts';
import type { DataTag } from '../core/data-tag.ts';
import { compute, light } from './proxies.ts';

/** Names the lake's present content, or some of its tables. */
export async function tagData(input: TagRequest): Promise<DataTag> {
  return light({}).tagData.executeWithOptions({ summary: `tag ${input.name}` }, [input]);
}

/** Removes a name; what it named stays where it is. */
export async function untagData(input: TagDeed): Promise<DataTag> {
  return light({}).untagData.executeWithOptions({ summary: `remove the tag ${input.tag}` }, [input]);
}

/** Brings every tagged table back to its content then, as a new commit. */
export async function rollbackData(input: TagDeed): Promise<RolledBack> {
  return compute({}).rollbackData.executeWithOptions({ summary: `back to ${input.tag}` }, [input]);
}
