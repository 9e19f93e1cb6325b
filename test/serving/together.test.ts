// Answers of one turn of the event loop are held until its end, but for groups of sixteen; each still reaches its caller whole.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { answerTogether } from '../../serving/together.ts';

/** Of the answers so far, as each request found them: whether they had left. */
let left: boolean[][];
let app: FastifyInstance;
let callers: Socket[];

beforeEach(async () => {
  [left, callers] = [[], []];
  const replies: { readonly headersSent: boolean }[] = [];
  app = Fastify();
  answerTogether(app);
  app.get('/', (_request, reply) => {
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

it('lets sixteen go at once', async () => {
  expect(await asked(18)).toHaveLength(18);
  expect(left[15]).toEqual(Array(15).fill(false));
  expect(left[17]).toEqual([...Array(16).fill(true), false]);
});

it('answers requests that nobody sent over a socket', async () => {
  expect((await app.inject('/')).json()).toEqual({ at: 1 });
});
