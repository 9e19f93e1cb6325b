// GET /predictions/:id: an answer as it was noted, for as long as its record waits to be moved to the lake; afterwards `perennial why` tells.
import type { FastifyInstance } from 'fastify';
import { PerennialError } from '../../core/errors.ts';
import type { LoggedPrediction } from '../../core/prediction-log.ts';
import { lookedAt } from '../access/reads.ts';
import {
  jsonSchema,
  PredictionPath,
  type PredictionRecord,
  problems,
  PredictionRecord as RecordSchema,
} from '../schemas.ts';

/** Where records are looked up. */
export interface PredictionRecords {
  find(id: string): Promise<LoggedPrediction | undefined>;
}

export const predictionsRoute = (app: FastifyInstance, records: PredictionRecords): void => {
  const response = { 200: jsonSchema(RecordSchema), ...problems(400, 404, 500, 503) };
  const schema = { summary: 'The record of an answer', params: jsonSchema(PredictionPath), response };
  app.get<{ Params: PredictionPath }>(
    '/predictions/:id',
    { config: { policy: 'predictions.read' }, schema },
    async (request): Promise<PredictionRecord> => {
      const { id } = request.params;
      const found = await records.find(id).catch((cause: unknown) => {
        const mend = 'Try again';
        throw new PerennialError('UNAVAILABLE', 'The log of predictions does not answer', {
          field: 'postgres',
          mend,
          cause,
        });
      });
      if (found) {
        lookedAt(request, [found.entity]);
        return recordOf(found);
      }
      const mend = `It was noted seconds after the answer, and moved to the lake within hours: \`perennial why ${id}\``;
      throw new PerennialError('UNKNOWN_NAME', 'No record of this answer waits here', { field: 'id', value: id, mend });
    },
  );
};

const recordOf = (found: LoggedPrediction): PredictionRecord => ({
  prediction_id: found.id,
  entity: found.entity,
  use_case: found.useCase,
  model: found.model,
  version: found.version,
  package_sha256: found.packageSha256,
  view: found.view,
  probability: found.probability,
  features: found.features,
  feature_time: found.featureTime,
  known_at: found.knownAt,
  cold_start: found.coldStart,
  stale: found.stale,
  served_at: found.servedAt,
  job_id: found.job,
});
