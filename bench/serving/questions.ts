// What is asked besides features of one customer: predictions by key, and features of many customers at once, which cost the server more
// than the one who asks.
import { areSaid, ours, tensorsOf } from './complete.ts';
import { entityOf } from './fixed-rate.ts';
import { isGolden, type Question } from './golden.ts';
import type { Scene } from './scene.ts';

export const byKey =
  (scene: Scene) =>
  (request: number): Question => ({
    path: '/predict',
    body: JSON.stringify({ user_id: String(entityOf(request, scene.entities)) }),
    right: (body) => isGolden(scene, body),
  });

/** So many different requests, made beforehand: making them must not cost the server its share of the machine. */
const DIFFERENT = 200;

export const ofMany = (scene: Scene, rows: number): readonly Question[] =>
  Array.from({ length: DIFFERENT }, (_, at) => {
    const entities = Array.from({ length: rows }, (__, row) => entityOf(at * rows + row, scene.entities));
    const golden = entities.map(scene.golden);
    return {
      path: ours.path,
      body: Buffer.from(tensorsOf(scene.features, entities.map(scene.row))),
      right: (body) => areSaid(body, golden),
    };
  });
