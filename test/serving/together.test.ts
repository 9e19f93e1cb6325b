// Answers of one turn of the event loop are held until its end, but no longer than half a millisecond; each still reaches its caller whole.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { answerTogether } from '../../serving/together.ts';

/** Of the answers so far, as each request found them: whether they had left. */
let left: boolean[][];
let app: FastifyInstance;
let callers: Socket[];
/** Milliseconds: the clock, and what a request takes. */
let now: number;
let each: number;

beforeEach(async () => {
  [left, callers, now, each] = [[], [], 0, 0];
  const replies: { readonly headersSent: boolean }[] = [];
  app = Fastify();
  answerTogether(app, () => now);
  app.get('/', (_request, reply) => {
    now += each;
    left.push(replies.map(({ headersSent }) => headersSent));
    replies.push(reply.raw);
    return { at: replies.length };
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(async () => {
  for (const caller of callers) caller.destroy();
  await app.close();
});

const asked = async (count: number): Promise<string[]> => {
  const port = (app.server.address() as { port: number }).port;
  callers = Array.from({ length: count }, () => connect(port, '127.0.0.1'));
  await Promise.all(callers.map((caller) => once(caller, 'connect')));
  // All are there before the server looks.
  await new Promise((next) => setTimeout(next, 50));
  const answers = callers.map((caller) => once(caller, 'data'));
  for (const caller of callers) caller.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  return (await Promise.all(answers)).map(([bytes]) => String(bytes));
};

it('holds what is ready until the turn ends', async () => {
  const answers = await asked(3);
  expect(answers.map((text) => text.split('\r\n\r\n')[1]).toSorted()).toEqual(['{"at":1}', '{"at":2}', '{"at":3}']);
  expect(left).toEqual([[], [false], [false, false]]);
});

it('lets nobody wait for others longer than half a millisecond', async () => {
  each = 0.2;
  expect(await asked(6)).toHaveLength(6);
  const found = left.map((earlier) => earlier.filter(Boolean).length);
  expect(found).toEqual([0, 0, 0, 0, 4, 4]);
});

it('answers requests that nobody sent over a socket', async () => {
  expect((await app.inject('/')).json()).toEqual({ at: 1 });
});
