// Answers that are ready in one turn of the event loop are written together, at its end: a write wakes whoever waits for it, and to wake a
// sleeping core costs as much as half a prediction. Redis replies before it sleeps for the same reason.
import type { FastifyInstance } from 'fastify';

/** So many leave at once, however long the turn: the first must not wait for all the others. */
const MOST = 16;

/** Register it on the root of the app, after what measures how long an answer takes to be written down. */
export const answerTogether = (app: FastifyInstance): void => {
  let ready: (() => void)[] = [];
  const release = () => {
    const leaving = ready;
    ready = [];
    for (const leave of leaving) leave();
  };
  app.addHook('onSend', (_request, _reply, payload, done) => {
    if (ready.length === 0) setImmediate(release);
    ready.push(() => done(null, payload));
    if (ready.length >= MOST) release();
  });
};
