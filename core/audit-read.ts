// Who looked at whom: what is kept of requests to the API, gathered by caller, address and outcome. For serving, which gathers it, for
// Postgres, which chains it, and for whoever reads it. No answer is kept, only whom and what it was about.
import { z } from 'zod';
import type { AuditHead, Chain } from './audit.ts';

/** Requests of one caller to one address with one outcome, within one batch. */
export const NotedRead = z.strictObject({
  /** The principal; `address:…` where nobody was known. */
  who: z.string(),
  roles: z.array(z.string()),
  /** Null: the address is closed to all. */
  policy: z.string().nullable(),
  /** Method and pattern, never the address itself. */
  route: z.string(),
  /** The model, the view, the report or the record that was asked for. */
  resource: z.string().nullable(),
  status: z.int(),
  /** The first and the last of them. */
  from: z.iso.datetime(),
  until: z.iso.datetime(),
  count: z.int().positive(),
  /** Keys of the entities that the answers were about. */
  entities: z.array(z.string()),
});
export type NotedRead = z.infer<typeof NotedRead>;

/** Noted reads in their place: batch and number within. */
export interface FoundRead extends NotedRead {
  /** For the question after next: what is older than this. */
  readonly cursor: string;
}

export interface ReadQuestion {
  readonly who?: string | undefined;
  readonly entity?: string | undefined;
  /** ISO, in UTC. */
  readonly since?: string | undefined;
  /** A cursor: what is older than it. */
  readonly before?: string | undefined;
  readonly limit: number;
}

export const READ_CURSOR = /^([0-9]{1,15})-([0-9]{1,9})$/;

/** A look-up by entity tells of that entity alone. */
export const narrowed = (read: NotedRead, { entity }: Pick<ReadQuestion, 'entity'>): NotedRead =>
  entity === undefined ? read : { ...read, entities: [entity] };

/** Reads younger than this are never expired; the database holds to it. */
export const LEAST_READ_DAYS = 30;

/** Postgres writes short names first. A batch is read only as far as its place: all of it is what its hash says or not. */
const HEAD = /^\{"at": "[^"]*", "seq": (\d{1,15}), /;

/** The chain of reads from where the last expiry cut it. */
export const readChain = (begin: AuditHead | undefined): Chain => ({
  begin,
  seqOf: (entry) => {
    const [, seq] = HEAD.exec(entry) ?? [];
    return seq === undefined ? undefined : Number(seq);
  },
});
