// The requests that have begun and are not answered yet, the eldest first: how many they are, and an end to those that take too long.
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { problem, sendProblem } from './problem.ts';

interface Open {
  readonly reply: FastifyReply;
  /** By performance.now(). */
  readonly since: number;
}

const LOOKS = 10;

/** Counts requests from their beginning to the end of their answer. */
export class InFlight {
  private readonly open = new Map<ServerResponse, Open>();

  readonly count = (): number => this.open.size;

  /**
   * Counts those of `app`, and answers 503 for what is not done after `answerMs`, give or take a tenth. One timer looks after all of them:
   * one for each, as Fastify's handlerTimeout has it, costs more than a prediction.
   */
  watch(app: FastifyInstance, answerMs: number): void {
    const { open } = this;
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
  }
}

/**
 * Lets go of bodies that were answered. Whoever stood in line long is old to the collector, and an old request keeps all that it points to,
 * answered or not, until the old are collected. Register it after all that look at answers.
 */
export const dropBodies = (app: FastifyInstance): void => {
  app.addHook('onResponse', (request, _reply, done) => {
    request.body = undefined;
    done();
  });
};

/** What was begun cannot be taken back, only broken off. */
const giveUp = (reply: FastifyReply): void => {
  if (reply.raw.headersSent) reply.raw.destroy();
  else if (!reply.sent) sendProblem(reply, problem(503, 'The answer took too long', { mend: 'Try again' }));
};
