// GET /models: which versions answer now, who vouches for them, what they foretell, and which ones were refused.
import type { FastifyInstance } from 'fastify';
import type { AppDeps } from '../app.ts';
import { jsonSchema, type Models, Models as ModelsSchema } from '../schemas.ts';

export const modelsRoute = (app: FastifyInstance, { keeper }: AppDeps): void => {
  const schema = { summary: 'The models that answer', response: { 200: jsonSchema(ModelsSchema) } };
  app.get(
    '/models',
    { config: { policy: 'models.read' }, schema },
    async (): Promise<Models> => ({
      models: keeper.states().flatMap(({ name, useCase, loaded, model }) =>
        loaded && model
          ? [
              {
                model: name,
                use_case: useCase,
                version: loaded.version,
                package_sha256: loaded.packageSha256,
                signed_by: loaded.signedBy,
                since: loaded.since,
                scored_by: model.scorer,
                entity: model.signature.entity,
                meaning: model.signature.output.meaning,
                features: model.signature.features.map((feature) => ({ ...feature })),
              },
            ]
          : [],
      ),
      refused: keeper.states().flatMap(({ name, refused }) => (refused ? [{ model: name, ...refused }] : [])),
    }),
  );
};
