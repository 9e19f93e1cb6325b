// The one place where requests are let in: who asks, whether it was too often, whether the route's policy is open to his roles. A route
// that names no policy is closed to all.
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { type ApiPolicy, apiPolicies, isApiPolicy, isOpen, mayUse } from '../../core/api-policy.ts';
import { inTurn, type MaybeLater } from '../in-turn.ts';
import { type Problem, problem, sendProblem } from '../problem.ts';
import { problems } from '../schemas.ts';
import type { Authenticator, Verdict } from './authenticate.ts';
import { credentialsOf } from './credentials.ts';
import type { Limiter } from './limits.ts';
import { type GuardedRoute, NOBODY } from './principal.ts';

export interface Gate {
  readonly environment: string;
  readonly authenticator: Pick<Authenticator, 'who'>;
  readonly limiter: Limiter;
  /** True where requests without credentials are somebody. */
  readonly anonymous: boolean;
}

/** Register it on the root of the app, before any route. */
export const guard = (app: FastifyInstance, gate: Gate): void => {
  const guarded: GuardedRoute[] = [];
  app.decorate('guarded', guarded);
  app.decorateRequest(ADMITTED, undefined);
  app.decorateRequest('principal', {
    getter() {
      return (this as Admitted)[ADMITTED] ?? NOBODY;
    },
  });
  app.addHook('onRoute', (route) => {
    for (const method of [route.method].flat())
      guarded.push({ method, url: route.url, policy: policyOf(route.config) });
    describe(route, gate.anonymous);
  });
  app.addHook('onRequest', (request, reply, done) => {
    const admitted = admit(gate, request, reply);
    if (admitted instanceof Promise) admitted.then((good) => (good ? done() : undefined), done);
    else if (admitted) done();
  });
};

const ADMITTED = Symbol('admitted');

interface Admitted extends FastifyRequest {
  [ADMITTED]?: FastifyRequest['principal'];
}

const policyOf = (config: { readonly policy?: unknown } | undefined): ApiPolicy | undefined =>
  isApiPolicy(config?.policy) ? config.policy : undefined;

/** False: it was answered instead of let in. */
const admit = (gate: Gate, request: Admitted, reply: FastifyReply): MaybeLater<boolean> => {
  const policy = policyOf(request.routeOptions.config);
  if (policy === 'health') return true;
  if (request.is404) {
    return inTurn(withinLimit(gate, addressOf(request), reply), (good) => good && !misused(request, reply));
  }
  if (policy && isOpen(policy)) return withinLimit(gate, addressOf(request), reply);
  if (!policy) return closed(request, reply);
  const verdict = gate.authenticator.who(credentialsOf(request.headers, request.method));
  return inTurn(verdict, (known) => judged(gate, policy, known, request, reply));
};

const judged = (
  gate: Gate,
  policy: ApiPolicy,
  verdict: Verdict,
  request: Admitted,
  reply: FastifyReply,
): MaybeLater<boolean> => {
  if ('why' in verdict) {
    return inTurn(
      withinLimit(gate, addressOf(request), reply),
      (good) => good && unknown(gate, policy, verdict, reply),
    );
  }
  const { principal } = verdict;
  request[ADMITTED] = principal;
  const whose = principal.kind === 'anonymous' ? addressOf(request) : principal.id;
  return inTurn(
    withinLimit(gate, whose, reply),
    (good) => good && (mayUse(policy, principal.roles) || forbidden(policy, reply)),
  );
};

/** Of the connection itself; what a header says of it is anybody's word. */
export const addressOf = ({ socket }: FastifyRequest): string => `address:${socket.remoteAddress ?? 'unknown'}`;

const withinLimit = ({ limiter }: Gate, whose: string, reply: FastifyReply): MaybeLater<boolean> =>
  inTurn(limiter.take(whose), (allowance) => {
    const { granted, limit, remaining, resetSeconds } = allowance;
    reply.header('ratelimit-policy', `${limit};w=60`);
    reply.header('ratelimit-limit', String(limit));
    reply.header('ratelimit-remaining', String(remaining));
    reply.header('ratelimit-reset', String(resetSeconds));
    if (granted) return true;
    const mend = `Ask again in ${resetSeconds} s`;
    reply.header('retry-after', String(resetSeconds));
    return answered(reply, problem(429, `More than ${limit} requests in a minute`, { mend }));
  });

const answered = (reply: FastifyReply, body: Problem): false => {
  sendProblem(reply, body);
  return false;
};

const unknown = (
  { environment }: Gate,
  policy: ApiPolicy,
  { why, given }: Extract<Verdict, { why: string }>,
  reply: FastifyReply,
): false => {
  const bearer = `Bearer realm="perennial ${environment}"${given ? ', error="invalid_token"' : ''}`;
  const basic = `Basic realm="perennial ${environment}", charset="UTF-8"`;
  reply.header('www-authenticate', policy === 'pages.read' ? [bearer, basic] : bearer);
  const mend = `Give \`Authorization: Bearer …\` with an API key or a token of ${environment}`;
  return answered(reply, problem(401, why, { field: 'authorization', mend }));
};

const forbidden = (policy: ApiPolicy, reply: FastifyReply): false => {
  const open: unknown = apiPolicies[policy];
  const mend = `One of these roles may: ${Array.isArray(open) ? open.join(', ') : 'none'}`;
  return answered(reply, problem(403, `Your roles do not open ${policy}`, { field: 'policy', value: policy, mend }));
};

const closed = ({ routeOptions }: FastifyRequest, reply: FastifyReply): false =>
  answered(reply, problem(403, 'This address is closed to all', { field: 'url', value: routeOptions.url }));

/** An address that is there for other methods says so; true where it did. */
const misused = ({ server, url, method }: FastifyRequest, reply: FastifyReply): boolean => {
  const path = url.split('?')[0] ?? '';
  const fitting = server.guarded.filter((route) => fits(route.url, path));
  // Of several patterns the one that names most of it is meant.
  const named = Math.max(...fitting.map((route) => namedSteps(route.url)));
  const methods = new Set(fitting.filter((route) => namedSteps(route.url) === named).map((route) => route.method));
  if (methods.size === 0 || methods.has(method)) return false;
  const allow = [...methods].join(', ');
  const more = { field: 'method', value: method, mend: `Ask by ${allow}` };
  sendProblem(reply.header('allow', allow), problem(405, 'This address has no such method', more));
  return true;
};

const fits = (pattern: string, path: string): boolean => {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  return (
    wanted.length === given.length &&
    wanted.every((step, i) => step === given[i] || (step.startsWith(':') && given[i] !== ''))
  );
};

const namedSteps = (pattern: string): number => pattern.split('/').filter((step) => !step.startsWith(':')).length;

/** What the gate may answer, and which credentials it takes, as part of the route's description. */
const describe = (route: RouteOptions, anonymous: boolean): void => {
  const policy = policyOf(route.config);
  if (policy === 'health' || !route.schema) return;
  const open = policy !== undefined && isOpen(policy);
  const { response = {} } = route.schema as { response?: object };
  const answers = open ? problems(429) : problems(401, 403, 429);
  const reads = [route.method].flat().every((method) => method === 'GET' || method === 'HEAD');
  const security = [...(anonymous ? [{}] : []), { bearer: [] }, { apiKey: [] }, ...(reads ? [{ basic: [] }] : [])];
  Object.assign(route.schema, { response: { ...answers, ...response }, ...(open ? { security: [] } : { security }) });
};

/** For the OpenAPI document. */
export const securitySchemes = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key, or a token from /oauth/token' },
  apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
  basic: {
    type: 'http',
    scheme: 'basic',
    description: 'An API key as password, so that a browser can show pages; for reading alone',
  },
} as const;
