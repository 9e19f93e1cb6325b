// The requests that are being answered, the eldest first: how many they are, and an end to those that take too long.
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { problem, sendProblem } from './problem.ts';

interface Open {
  readonly reply: FastifyReply;
  /** By performance.now(). */
  readonly since: number;
}

export interface InFlight {
  readonly count: () => number;
}

const LOOKS = 10;

/**
 * Counts requests from their head to the end of their answer, and answers 503 for those that are not done after `answerMs`, give or take
 * a tenth. One timer looks after all of them: one for each, as Fastify's handlerTimeout has it, costs more than a prediction.
 */
export const watchInFlight = (app: FastifyInstance, answerMs: number): InFlight => {
  const open = new Map<ServerResponse, Open>();
  // Whether it was answered or its caller went away.
  function leave(this: ServerResponse): void {
    open.delete(this);
  }
  app.addHook('onRequest', (_request, reply, done) => {
    open.set(reply.raw, { reply, since: performance.now() });
    reply.raw.on('close', leave);
    done();
  });
  const timer = setInterval(() => {
    const due = performance.now() - answerMs;
    for (const [raw, { reply, since }] of open) {
      if (since > due) break;
      open.delete(raw);
      giveUp(reply);
    }
  }, answerMs / LOOKS).unref();
  app.addHook('onClose', (_app, done) => {
    clearInterval(timer);
    done();
  });
  return { count: () => open.size };
};

/** What was begun cannot be taken back, only broken off. */
const giveUp = (reply: FastifyReply): void => {
  if (reply.raw.headersSent) reply.raw.destroy();
  else if (!reply.sent) sendProblem(reply, problem(503, 'The answer took too long', { mend: 'Try again' }));
};
