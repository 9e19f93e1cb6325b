// POST /jobs/score and what follows: scoring of very many entities, begun at once and done in the background; its state, its results, its end.
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { PostgresScoreJobs } from '../../adapters/postgres/score-jobs.ts';
import { contentKey } from '../../core/commit.ts';
import { PerennialError } from '../../core/errors.ts';
import { chunked, isOver, jobStates, maySee, paceOf, type ScoreJob } from '../../core/score-job.ts';
import { lookedAt } from '../access/reads.ts';
import type { AppDeps } from '../app.ts';
import { problem, sendProblem } from '../problem.ts';
import { COLD_START, Entity, jsonSchema, ModelName, Moment, problems } from '../schemas.ts';

/** Where jobs are kept, and who is told of a new one. */
export interface JobBoard {
  readonly jobs: Pick<PostgresScoreJobs, 'create' | 'find' | 'cancel' | 'results'>;
  kick(): void;
}

const Body = z
  .strictObject({
    model: ModelName.optional(),
    user_ids: z.array(Entity).min(1).max(100_000).optional().meta({ description: 'Answered in this order' }),
    all: z.literal(true).optional().meta({ description: 'Instead of user_ids: everybody whose features are online' }),
  })
  .meta({ oneOf: [{ required: ['user_ids'] }, { required: ['all'] }] });
const Headers = z.looseObject({
  'idempotency-key': z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/)
    .optional()
    .meta({ description: 'The same key with the same body is the same job, for seven days' }),
});
const Path = z.strictObject({ id: z.uuid() });
const Query = z.strictObject({
  cursor: z
    .string()
    .regex(/^\d{1,9}$/)
    .optional()
    .meta({ description: 'What the page before named as next; without one, the first page' }),
});
const Job = z.strictObject({
  job_id: z.uuid(),
  state: z.enum(jobStates),
  model: z.string(),
  total: z.int(),
  done: z.int(),
  rows_per_second: z.number().nullable(),
  seconds_left: z.number().nullable().meta({ description: 'At the pace so far' }),
  versions: z
    .array(z.strictObject({ version: z.int(), rows: z.int() }))
    .meta({ description: 'Which versions answered: more than one where the champion changed meanwhile' }),
  resumed: z.int().meta({ description: 'How often it was taken over from a process that went away' }),
  reason: z.string().optional().meta({ description: 'Why it failed, or why its last try did' }),
  created_at: Moment,
  started_at: Moment.nullable(),
  finished_at: Moment.nullable(),
  expires_at: Moment,
});
const Results = z.strictObject({
  job_id: z.uuid(),
  state: z.enum(jobStates),
  results: z.array(
    z.strictObject({
      prediction_id: z.uuid().optional().meta({ description: 'Absent: answered before jobs noted their answers' }),
      entity: z.string(),
      probability: z.number(),
      version: z.int(),
      cold_start: z.boolean().meta({ description: COLD_START }),
      feature_time: Moment.nullable(),
    }),
  ),
  next: z
    .string()
    .nullable()
    .meta({ description: 'Cursor of what follows, also of what is still to come; null: that was all' }),
});
type Body = z.infer<typeof Body>;
type Path = z.infer<typeof Path>;

/** A hundred thousand keys of usual length; what is longer is asked for in parts. */
const BODY_BYTES = 4 * 1024 * 1024;
/** Chunks on a page: two thousand rows. */
const PAGE = 4;
const config = { policy: 'score.batch' } as const;
const tags = ['Jobs'];

export const jobRoutes = (
  app: FastifyInstance,
  board: JobBoard,
  deps: Pick<AppDeps, 'keeper' | 'defaultModel'>,
): void => {
  const refused = problems(400, 404, 500, 503);
  const accepted = {
    ...jsonSchema(Job),
    description: 'Accepted',
    headers: { location: { type: 'string' }, 'retry-after': { type: 'string' } },
  };
  const shared = { tags, params: jsonSchema(Path) };
  app.post<{ Body: Body; Headers: z.infer<typeof Headers> }>(
    '/jobs/score',
    {
      config,
      bodyLimit: BODY_BYTES,
      schema: {
        tags,
        summary: 'Scores up to 100,000 entities, or everybody, in the background',
        description:
          'Each chunk is answered by the version that is champion then. Results are kept for seven days; the record of each answer stays in the log of predictions.',
        body: jsonSchema(Body),
        headers: jsonSchema(Headers),
        response: { 202: accepted, ...refused, ...problems(409, 413, 415) },
      },
    },
    (request, reply) => begin(board, deps, request, reply),
  );
  app.get<{ Params: Path }>(
    '/jobs/:id',
    {
      config,
      schema: { ...shared, summary: 'How far a job has come', response: { 200: jsonSchema(Job), ...refused } },
    },
    async (request, reply) => {
      const job = await mine(board, request);
      if (!isOver(job)) reply.header('retry-after', '1');
      return told(job);
    },
  );
  app.get<{ Params: Path; Querystring: z.infer<typeof Query> }>(
    '/jobs/:id/results',
    {
      config,
      schema: {
        ...shared,
        summary: 'What a job has answered so far, page by page, in the order asked for',
        querystring: jsonSchema(Query),
        response: { 200: jsonSchema(Results), ...refused },
      },
    },
    async (request) => {
      const told = await page(board, await mine(board, request), Number(request.query.cursor ?? 0));
      lookedAt(
        request,
        told.results.map(({ entity }) => entity),
      );
      return told;
    },
  );
  app.delete<{ Params: Path }>(
    '/jobs/:id',
    {
      config,
      schema: {
        ...shared,
        summary: 'Cancels a job',
        description: 'What it answered so far stays; a job that is over stays as it is.',
        response: { 200: jsonSchema(Job), ...refused },
      },
    },
    async (request) => {
      const { id } = await mine(board, request);
      await away(() => board.jobs.cancel(id));
      return told(await mine(board, request));
    },
  );
};

const begin = async (
  { jobs, kick }: JobBoard,
  { keeper, defaultModel }: Pick<AppDeps, 'keeper' | 'defaultModel'>,
  { body, headers, principal }: FastifyRequest<{ Body: Body; Headers: z.infer<typeof Headers> }>,
  reply: FastifyReply,
) => {
  const { model = defaultModel, user_ids: entities, all } = body;
  const view = await keeper.use(model, async (loaded) => loaded.view);
  const key = headers['idempotency-key'];
  const created = await away(() =>
    jobs.create({
      id: randomUUID(),
      principal: principal.id,
      model,
      view,
      bodySha256: contentKey({ model, entities, all }),
      ...(key !== undefined && { idempotencyKey: key }),
      ...(entities && { chunks: chunked(entities) }),
    }),
  );
  if ('job' in created) {
    kick();
    const { job } = created;
    return reply.code(202).header('location', `/jobs/${job.id}`).header('retry-after', '1').send(told(job));
  }
  if (created.refused === 'another body')
    throw new PerennialError('CONFLICT', 'Under this key another job was asked for', {
      field: 'idempotency-key',
      value: key,
      mend: 'Give every job a key of its own',
    });
  const mend = 'Ask again when one is over, or cancel one';
  return sendProblem(reply.header('retry-after', '10'), problem(429, 'You have too many unfinished jobs', { mend }));
};

const mine = async ({ jobs }: JobBoard, { params, principal }: FastifyRequest<{ Params: Path }>): Promise<ScoreJob> => {
  const job = await away(() => jobs.find(params.id));
  if (job && maySee(job, principal)) return job;
  throw new PerennialError('UNKNOWN_NAME', 'There is no such job', { field: 'id', value: params.id });
};

const told = (job: ScoreJob): z.infer<typeof Job> => {
  const { rate, left } = paceOf(job);
  return {
    job_id: job.id,
    state: job.state,
    model: job.model,
    total: job.total,
    done: job.done,
    rows_per_second: rate,
    seconds_left: left,
    versions: job.versions.map((one) => ({ ...one })),
    resumed: job.resumed,
    ...(job.reason !== null && { reason: job.reason }),
    created_at: job.createdAt,
    started_at: job.startedAt,
    finished_at: job.finishedAt,
    expires_at: job.expiresAt,
  };
};

const page = async ({ jobs }: JobBoard, job: ScoreJob, from: number): Promise<z.infer<typeof Results>> => {
  const { chunks } = await away(() => jobs.results(job.id, from, PAGE));
  const results = chunks.flatMap(({ version, answers }) =>
    answers.map(({ predictionId, entity, probability, coldStart, featureTime }) => ({
      ...(predictionId !== undefined && { prediction_id: predictionId }),
      entity,
      probability,
      version,
      cold_start: coldStart,
      feature_time: featureTime,
    })),
  );
  // The state was read before the results: a job that was over then has no more than these.
  const next = isOver(job) && chunks.length < PAGE ? null : String(from + chunks.length);
  return { job_id: job.id, state: job.state, results, next };
};

const away = <T>(work: () => Promise<T>): Promise<T> =>
  work().catch((cause: unknown) => {
    const mend = 'Try again';
    throw new PerennialError('UNAVAILABLE', 'Jobs cannot be looked up', { field: 'postgres', mend, cause });
  });
