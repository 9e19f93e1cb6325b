// Who looked at whom: every answer behind the gate and every refusal is noted, gathered by caller, address and outcome, and written in
// batches behind the requests' back. A request pays for one look into a map; what has no room is dropped and counted.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ApiPolicy, isOpen } from '../../core/api-policy.ts';
import type { NotedRead } from '../../core/audit-read.ts';
import { BatchedLog, type BatchSink, type LogCounts } from '../batched-log.ts';
import type { Log } from '../ports.ts';
import { addressOf } from './gate.ts';
import { NOBODY } from './principal.ts';

/** What one request was, as soon as it was answered. */
export interface Read extends Pick<NotedRead, 'who' | 'policy' | 'route' | 'resource' | 'status'> {
  readonly roles: readonly string[];
  readonly entities: readonly string[];
  /** Milliseconds since 1970. */
  readonly at: number;
}

interface Gathered {
  readonly read: Read;
  until: number;
  count: number;
  readonly entities: Set<string>;
}

export interface ReadLogOptions {
  readonly sink: BatchSink<NotedRead>;
  readonly log: Log;
  /** Records in memory at most: an entity that was looked at, or a caller's other requests to an address between two writings. */
  readonly room?: number;
  /** Callers and addresses whose refusals are told apart between two writings; the rest is counted together. */
  readonly refusals?: number;
}

const ROOM = 50_000;
const BATCH_RECORDS = 2_000;
const REFUSALS = 20;
const OTHERS = 'others';

export class ReadLog {
  private readonly batches: BatchedLog<NotedRead>;
  private readonly mostRefusals: number;
  private answers = new Map<string, Gathered>();
  private refusals = new Map<string, Gathered>();
  private records = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor({ sink, log, room = ROOM, refusals = REFUSALS }: ReadLogOptions) {
    const weigh = ({ entities }: NotedRead) => weightOf(entities.length);
    this.batches = new BatchedLog({ sink, log, room, batchRows: BATCH_RECORDS, what: 'reads', weigh });
    this.mostRefusals = refusals;
  }

  /** Writes every `everyMs` what has come: the longer, the more of what the same callers ask is one record. */
  start(everyMs = 5_000): void {
    this.timer = setInterval(() => void this.flush(), everyMs).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
    await this.batches.stop();
  }

  /** An answer that told something. Never waits and never throws. */
  answered(read: Read): void {
    const gathered = gather(this.answers, read);
    const before = gathered.count === 1 ? 0 : weightOf(gathered.entities.size);
    for (const entity of read.entities) gathered.entities.add(entity);
    this.records += weightOf(gathered.entities.size) - before;
    if (this.records >= BATCH_RECORDS) this.turnOver();
  }

  /** A request that learnt nothing. However many there are, few records come of them. */
  refused(read: Read): void {
    const isRoom = this.refusals.size < this.mostRefusals || this.refusals.has(keyOf(read));
    gather(
      this.refusals,
      isRoom ? read : { ...read, who: OTHERS, roles: [], policy: null, route: OTHERS, resource: null },
    );
  }

  counts(): LogCounts {
    const { waiting, ...rest } = this.batches.counts();
    return { waiting: waiting + this.records + this.refusals.size, ...rest };
  }

  /** Never rejects: what the sink does not take waits for the next time. */
  flush(): Promise<void> {
    this.turnOver();
    for (const one of this.refusals.values()) this.batches.add(noted(one));
    this.refusals = new Map();
    return this.batches.flush();
  }

  private turnOver(): void {
    for (const one of this.answers.values()) this.batches.add(noted(one));
    this.answers = new Map();
    this.records = 0;
  }
}

const weightOf = (entities: number): number => Math.max(1, entities);

const keyOf = ({ who, roles, route, resource, status }: Read): string =>
  `${who}\n${roles.join()}\n${route}\n${resource}\n${status}`;

const gather = (into: Map<string, Gathered>, read: Read): Gathered => {
  const key = keyOf(read);
  const known = into.get(key);
  if (known) {
    known.count += 1;
    known.until = read.at;
    return known;
  }
  const fresh = { read, until: read.at, count: 1, entities: new Set<string>() };
  into.set(key, fresh);
  return fresh;
};

const noted = ({ read, until, count, entities }: Gathered): NotedRead => ({
  who: storable(read.who),
  roles: [...read.roles],
  policy: read.policy,
  route: read.route,
  resource: read.resource === null ? null : storable(read.resource),
  status: read.status,
  from: new Date(read.at).toISOString(),
  until: new Date(until).toISOString(),
  count,
  entities: Array.from(entities, storable),
});

/** Names and addresses are anybody's words, and Postgres cannot hold all of them. */
const storable = (text: string): string => text.toWellFormed().replaceAll('\0', '\ufffd');

/** Of an answer whose request does not name them: whom it was about. */
export const lookedAt = (request: FastifyRequest, entities: readonly string[]): void => {
  named.set(request, entities);
};

const named = new WeakMap<FastifyRequest, readonly string[]>();

/** Notes every request to a route that is not open to all, and every refusal. Register it on the root of the app. */
export const noteReads = (app: FastifyInstance, { log, now, standardModel }: NotedApp): void => {
  app.addHook('onResponse', (request, reply, done) => {
    const { policy = null } = request.routeOptions.config;
    const isGuarded = !request.is404 && (policy === null || !isOpen(policy));
    // That there is no such thing is an answer, too.
    const isAnswer = reply.statusCode < 400 || reply.statusCode === 404;
    if (isAnswer && isGuarded) log.answered(readOf(request, reply, now(), standardModel));
    if (!isAnswer && (isGuarded || DENIED.has(reply.statusCode)))
      log.refused(readOf(request, reply, now(), standardModel));
    done();
  });
};

export interface NotedApp {
  readonly log: Pick<ReadLog, 'answered' | 'refused'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Answers where a request names no model. */
  readonly standardModel: string;
}

const DENIED: ReadonlySet<number> = new Set([401, 403, 429]);
const OF_A_MODEL: ReadonlySet<ApiPolicy | null> = new Set(['predict', 'explain', 'score.batch']);

const readOf = (request: FastifyRequest, { statusCode: status }: FastifyReply, at: number, standard: string): Read => {
  const { principal, routeOptions, method, params, body } = request;
  const { policy = null } = routeOptions.config;
  const known = principal !== NOBODY;
  const resource = resourceOf(params, body) ?? (OF_A_MODEL.has(policy) ? standard : null);
  return {
    who: known ? principal.id : addressOf(request),
    roles: principal.roles,
    policy,
    route: `${method} ${routeOptions.url ?? 'none'}`,
    resource: known ? resource : null,
    status,
    entities: named.get(request) ?? entitiesOf(params, body),
    at,
  };
};

type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
const isText = (value: unknown): value is string => typeof value === 'string';

/** By the names that all routes give them. */
const resourceOf = (params: unknown, body: unknown): string | null => {
  const { model = fieldsOf(body).model, view, useCase, page, id } = fieldsOf(params);
  const words = [model, view, useCase, page, id].filter(isText);
  return words.length === 0 ? null : words.join('/').slice(0, 200);
};

const entitiesOf = (params: unknown, body: unknown): readonly string[] => {
  const { entity } = fieldsOf(params);
  const { user_id: one, user_ids: many, rows } = fieldsOf(body);
  const pushed = Array.isArray(rows) ? rows.map((row) => fieldsOf(row).entity) : [];
  return [entity, one, ...(Array.isArray(many) ? many : []), ...pushed].filter(isText);
};
