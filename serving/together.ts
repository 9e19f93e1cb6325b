// Answers that are ready in one turn of the event loop are written together, at its end: a write wakes whoever waits for it, and to wake a
// sleeping core costs as much as half a prediction. Redis replies before it sleeps for the same reason.
import type { FastifyInstance } from 'fastify';

/** Milliseconds that the first may wait for others, however long the turn. */
const MOST_MS = 0.5;

/** Register it on the root of the app, after what measures how long an answer takes to be written down. */
export const answerTogether = (app: FastifyInstance, clock: () => number = performance.now.bind(performance)): void => {
  let ready: (() => void)[] = [];
  let since = 0;
  const release = () => {
    const leaving = ready;
    ready = [];
    for (const leave of leaving) leave();
  };
  app.addHook('onSend', (_request, _reply, payload, done) => {
    const now = clock();
    if (ready.length === 0) {
      since = now;
      setImmediate(release);
    }
    ready.push(() => done(null, payload));
    if (now - since >= MOST_MS) release();
  });
};
