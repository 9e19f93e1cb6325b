// GET /predict/:model/top: the likeliest entities, from the answers that scoring made ahead. An entity of that name is asked for by POST.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { lookedAt } from '../access/reads.ts';
import type { AppDeps } from '../app.ts';
import { jsonSchema, ModelName, Moment, problems } from '../schemas.ts';
import { likeliest } from '../scoring/precomputed.ts';

const Path = z.strictObject({ model: ModelName });
const Query = z.strictObject({
  k: z
    .string()
    .regex(/^([1-9]\d{0,2}|1000)$/)
    .optional()
    .meta({ description: 'How many, up to 1000; 10 where it is left out' }),
});
const Ranking = z.strictObject({
  model: z.string(),
  version: z.int(),
  package_sha256: z.string(),
  entities: z.array(
    z.strictObject({
      rank: z.int(),
      entity: z.string(),
      probability: z.number(),
      feature_time: Moment,
      known_at: Moment,
      scored_at: Moment,
      current: z
        .boolean()
        .meta({ description: 'False: newer features have come since it was scored; who expired is left out' }),
    }),
  ),
});
type Ranking = z.infer<typeof Ranking>;
const USUAL = 10;

export const topRoute = (app: FastifyInstance, deps: AppDeps): void => {
  const response = { 200: jsonSchema(Ranking), ...problems(400, 404, 500, 503) };
  const schema = {
    summary: 'The likeliest entities',
    description:
      'From the answers that the champion made ahead: of its 10,000 likeliest at the last scoring, and of whom people asked for most often of late. So whoever rose since by a pushed feature alone may be missing until the next. Ties by entity. Single answers are noted, a ranking is not.',
    params: jsonSchema(Path),
    querystring: jsonSchema(Query),
    response,
  };
  app.get<{ Params: z.infer<typeof Path>; Querystring: z.infer<typeof Query> }>(
    '/predict/:model/top',
    { config: { policy: 'predict.top' }, schema },
    async (request): Promise<Ranking> => {
      const { model } = request.params;
      const { k } = request.query;
      const { version, packageSha256, answers } = await likeliest(deps, model, k === undefined ? USUAL : Number(k));
      const entities = answers.map(({ entity, probability, eventTime, knownAt, scoredAt, current }, i) => ({
        rank: i + 1,
        entity,
        probability,
        feature_time: eventTime,
        known_at: knownAt,
        scored_at: scoredAt,
        current,
      }));
      lookedAt(
        request,
        answers.map(({ entity }) => entity),
      );
      return { model, version, package_sha256: packageSha256, entities };
    },
  );
};
