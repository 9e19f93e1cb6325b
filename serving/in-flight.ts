// The requests that have begun and are not answered yet, the eldest first: how many they are, and an end to those that take too long.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Node, Yallist } from 'yallist';
import { problem, sendProblem } from './problem.ts';

interface Open {
  readonly reply: FastifyReply;
  /** By performance.now(). */
  readonly since: number;
}

const LOOKS = 10;

/** Counts requests from their beginning to the end of their answer. */
export class InFlight {
  /** No Map: it goes on as a chain of tables of which each knows the next, so that one old table keeps whoever came since. */
  private readonly open = new Yallist<Open>();

  readonly count = (): number => this.open.length;

  /**
   * Counts those of `app`, and answers 503 for what is not done after `answerMs`, give or take a tenth. One timer looks after all of them:
   * one for each, as Fastify's handlerTimeout has it, costs more than a prediction.
   */
  watch(app: FastifyInstance, answerMs: number): void {
    const { open } = this;
    app.addHook('onRequest', (_request, reply, done) => {
      const place = new Node<Open>({ reply, since: performance.now() });
      open.pushNode(place);
      // Whether it was answered or its caller went away.
      reply.raw.on('close', () => {
        if (place.list) open.removeNode(place);
      });
      done();
    });
    const timer = setInterval(() => {
      const due = performance.now() - answerMs;
      for (let eldest = open.head; eldest && eldest.value.since <= due; eldest = open.head) {
        open.removeNode(eldest);
        giveUp(eldest.value.reply);
      }
    }, answerMs / LOOKS).unref();
    app.addHook('onClose', (_app, done) => {
      clearInterval(timer);
      done();
    });
  }
}

/** What was begun cannot be taken back, only broken off. */
const giveUp = (reply: FastifyReply): void => {
  if (reply.raw.headersSent) reply.raw.destroy();
  else if (!reply.sent) sendProblem(reply, problem(503, 'The answer took too long', { mend: 'Try again' }));
};
