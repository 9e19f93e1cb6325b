// What the requests at a fixed rate ask: predictions by key, and features of many customers at once, which cost the server more than the
// one who asks.
import { cells } from './complete.ts';
import { entityOf, type Question } from './fixed-rate.ts';
import { isGolden, isNear } from './golden.ts';
import { MODEL, type Scene } from './scene.ts';

export const byKey =
  (scene: Scene) =>
  (request: number): Question => ({
    path: '/predict',
    body: JSON.stringify({ user_id: String(entityOf(request, scene.entities)) }),
    right: (body) => isGolden(scene, body),
  });

/** So many different requests, made beforehand: making them must not cost the server its share of the machine. */
const DIFFERENT = 200;

export const ofMany = (scene: Scene, rows: number): ((request: number) => Question) => {
  const path = `/v2/models/${MODEL}/infer`;
  const questions = Array.from({ length: DIFFERENT }, (_, at): Question => {
    const entities = Array.from({ length: rows }, (__, row) => entityOf(at * rows + row, scene.entities));
    const values = entities.map((entity) => cells(scene.row(entity)));
    const inputs = scene.features.map((name, column) => ({
      name,
      datatype: 'FP64',
      shape: [rows],
      data: values.map((row) => row[column]),
    }));
    return { path, body: JSON.stringify({ inputs }), right: (body) => areNear(scene, entities, body) };
  });
  return (request) => questions[request % DIFFERENT] as Question;
};

const areNear = (scene: Scene, entities: readonly number[], body: string): boolean => {
  const data: unknown = JSON.parse(body).outputs?.[0]?.data;
  return (
    Array.isArray(data) &&
    data.length === entities.length &&
    entities.every((entity, at) => isNear(data[at], scene.golden(entity)))
  );
};
