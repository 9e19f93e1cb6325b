// GET /audit, /audit/reads and /audit/verify: who changed what, who looked at whom, and whether that record still is what was written.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AuditEntry, type AuditReport, type ChangeQuestion } from '../../core/audit.ts';
import { type FoundRead, NotedRead, READ_CURSOR, type ReadQuestion } from '../../core/audit-read.ts';
import { lookedAt } from '../access/reads.ts';
import { Entity, jsonSchema, problems, storable } from '../schemas.ts';
import { orUnavailable } from '../unavailable.ts';

/** The audit as serving asks for it. */
export interface AuditDesk {
  changes(question: ChangeQuestion): Promise<readonly AuditEntry[]>;
  reads(question: ReadQuestion): Promise<readonly FoundRead[]>;
  /** Follows both chains from their beginnings; who asks meanwhile hears the same. */
  verify(): Promise<Readonly<Record<'changes' | 'reads', AuditReport>>>;
}

const config = { policy: 'audit.read' } as const;
const LIMIT = { usual: 50, most: 500 };

const Word = storable(1, 200);
const shared = {
  limit: z
    .string()
    .regex(/^([1-9][0-9]?|[1-4][0-9][0-9]|500)$/)
    .optional()
    .meta({ description: `How many, at most ${LIMIT.most}; ${LIMIT.usual} where it is left out` }),
  since: z.iso.datetime().optional().meta({ description: 'Not before this moment (UTC)' }),
};
const ChangesQuery = z.strictObject({
  ...shared,
  who: Word.optional().meta({ description: 'Who is named as having done it' }),
  what: Word.optional().meta({ description: 'Table and verb', examples: ['aliases update'] }),
  before: z
    .string()
    .regex(/^[0-9]{1,15}$/)
    .optional()
    .meta({ description: '`next` of the page before' }),
});
const ReadsQuery = z.strictObject({
  ...shared,
  who: Word.optional().meta({ description: 'The principal', examples: ['key:0123456789ab'] }),
  entity: Entity.optional(),
  before: z.string().regex(READ_CURSOR).optional().meta({ description: '`next` of the page before' }),
});

const Changes = z.strictObject({
  changes: z.array(AuditEntry),
  next: z.string().nullable().meta({ description: 'Give it as `before` for the next page; null: this was the last' }),
});
const Reads = z.strictObject({ reads: z.array(NotedRead), next: z.string().nullable() });
const Chain = z.strictObject({
  rows: z.int(),
  head: z.strictObject({ seq: z.int(), hash: z.string() }),
  faults: z.array(z.strictObject({ seq: z.int(), why: z.string() })),
});
const Verified = z.strictObject({
  holds: z.boolean().meta({ description: 'False: somebody changed the record' }),
  changes: Chain,
  reads: Chain,
});

type Querystring<T extends z.ZodType> = { Querystring: z.infer<T> };

export const auditRoutes = (app: FastifyInstance, desk: AuditDesk): void => {
  const missing = problems(400, 500, 503);
  app.get<Querystring<typeof ChangesQuery>>(
    '/audit',
    {
      config,
      schema: {
        summary: 'Who changed what: registry, promotions, data versions, signatures, keys and tokens; the newest first',
        querystring: jsonSchema(ChangesQuery),
        response: { 200: jsonSchema(Changes), ...missing },
      },
    },
    async ({ query: { limit, before, ...rest } }): Promise<z.infer<typeof Changes>> => {
      const question = { ...rest, limit: limited(limit), ...(before !== undefined && { before: Number(before) }) };
      const found = await orUnavailable('The audit', desk.changes(question));
      return { changes: [...found], next: nextOf(found, question.limit, ({ seq }) => String(seq)) };
    },
  );
  app.get<Querystring<typeof ReadsQuery>>(
    '/audit/reads',
    {
      config,
      schema: {
        summary: 'Who looked at whom, as far as it has not expired; the newest first',
        querystring: jsonSchema(ReadsQuery),
        response: { 200: jsonSchema(Reads), ...missing },
      },
    },
    async (request): Promise<z.infer<typeof Reads>> => {
      const { limit, ...rest } = request.query;
      if (rest.entity !== undefined) lookedAt(request, [rest.entity]);
      const found = await orUnavailable('The audit', desk.reads({ ...rest, limit: limited(limit) }));
      const reads = found.map(({ cursor: _, ...read }) => read);
      return { reads, next: nextOf(found, limited(limit), ({ cursor }) => cursor) };
    },
  );
  app.get(
    '/audit/verify',
    {
      config,
      schema: {
        summary: 'Whether both chains hold, from their beginnings and against their anchors',
        response: { 200: jsonSchema(Verified), ...problems(500, 503) },
      },
    },
    async (): Promise<z.infer<typeof Verified>> => {
      const { changes, reads } = await orUnavailable('The audit', desk.verify());
      return { holds: changes.faults.length + reads.faults.length === 0, changes: shown(changes), reads: shown(reads) };
    },
  );
};

const limited = (limit: string | undefined): number => (limit === undefined ? LIMIT.usual : Number(limit));

const nextOf = <T>(found: readonly T[], limit: number, cursorOf: (last: T) => string): string | null => {
  const last = found.at(-1);
  return last === undefined || found.length < limit ? null : cursorOf(last);
};

const shown = ({ rows, head, faults }: AuditReport): z.infer<typeof Chain> => ({
  rows,
  head: { ...head },
  faults: [...faults],
});
