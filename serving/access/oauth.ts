// POST /oauth/token (RFC 6749: client credentials and refresh) and GET /.well-known/jwks.json. The client is an API key: its id, and the
// key as secret. Answers of the former are OAuth's, with the members of a problem document where they refuse.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { apiKeyParts } from '../../core/api-key.ts';
import { type ApiRole, isApiRole } from '../../core/api-policy.ts';
import { problem } from '../problem.ts';
import { isKey, type StoredKey, unreachable, whyEnded } from './authenticate.ts';
import { basicOf } from './credentials.ts';
import { Form, OAUTH_SCHEMA } from './oauth-schema.ts';
import { issueToken, jwksOf, TOKEN_SECONDS, type TokenKeys } from './tokens.ts';

/** Refresh tokens, each good for one use. */
export interface RefreshTokens {
  /** A new family of tokens for a key; the text is told once and never kept. */
  begin(keyId: string, roles: readonly ApiRole[]): Promise<string>;
  /** Uses one up for the next. Undefined where it is not known, has ended, or was used before, which ends its whole family. */
  rotate(
    token: string,
  ): Promise<{ readonly next: string; readonly keyId: string; readonly roles: readonly ApiRole[] } | undefined>;
}

export interface TokenService {
  readonly environment: string;
  readonly tokenKeys: TokenKeys;
  readonly refreshTokens: RefreshTokens;
  /** The key, if it is good now; asked of the store itself. */
  readonly keys: { find(id: string): Promise<StoredKey | undefined> };
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const OFFLINE = 'offline_access';

export const oauthRoutes = (app: FastifyInstance, service: TokenService): void => {
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, formOf(String(body)));
  });
  app.post(
    '/oauth/token',
    { attachValidation: true, config: { policy: 'token.issue' }, schema: OAUTH_SCHEMA },
    (request, reply) => answer(service, request, reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' })),
  );
  const jwks = {
    summary: 'The keys that tokens are checked with',
    response: { 200: { type: 'object', additionalProperties: true } },
  };
  app.get('/.well-known/jwks.json', { config: { policy: 'token.keys' }, schema: jwks }, (_request, reply) => {
    reply.header('cache-control', 'public, max-age=60');
    return jwksOf(service.tokenKeys.keyring());
  });
};

/** A parameter that is given twice is an error (RFC 6749, 3.2), and so no text. */
const formOf = (body: string): Record<string, string | readonly string[]> => {
  const form = new URLSearchParams(body);
  return Object.fromEntries(
    [...new Set(form.keys())].map((name) => {
      const values = form.getAll(name);
      return [name, values.length === 1 ? (values[0] ?? '') : values];
    }),
  );
};

type Refusal = 'invalid_request' | 'invalid_client' | 'invalid_grant' | 'invalid_scope' | 'unsupported_grant_type';

const answer = async (service: TokenService, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
  const form = Form.safeParse(request.body);
  if (!form.success) return refuse(reply, 'invalid_request', 'The form is not one of this address');
  const { grant_type: grant, scope, refresh_token: refresh } = form.data;
  if (grant === 'refresh_token') return refreshed(service, refresh, reply);
  if (grant !== 'client_credentials')
    return refuse(reply, 'unsupported_grant_type', 'Ask by client_credentials or refresh_token');
  const client = clientOf(request, form.data);
  const key = client && (await goodKey(service, client));
  if (!key) return refuse(reply, 'invalid_client', 'The client is not known, or its key is no longer good');
  const wanted = scope?.split(' ').filter((word) => word !== '') ?? [];
  const roles = wanted.filter((word) => word !== OFFLINE);
  const given = roles.length === 0 ? key.roles : roles.filter(isApiRole).filter((role) => key.roles.includes(role));
  if (roles.length > 0 && given.length !== roles.length)
    return refuse(reply, 'invalid_scope', 'The key has not all of these roles');
  const next = wanted.includes(OFFLINE) ? await service.refreshTokens.begin(key.id, given) : undefined;
  return grantTo(service, key.id, given, next, reply);
};

const refreshed = async (
  service: TokenService,
  token: string | undefined,
  reply: FastifyReply,
): Promise<FastifyReply> => {
  if (token === undefined) return refuse(reply, 'invalid_request', 'Give refresh_token');
  const turned = await service.refreshTokens.rotate(token);
  const key = turned && (await service.keys.find(turned.keyId));
  if (!turned || !key || whyEnded(key, service.now()) !== undefined)
    return refuse(reply, 'invalid_grant', 'The refresh token is no longer good');
  // What the key may no longer do, its tokens may not either.
  const roles = turned.roles.filter((role) => key.roles.includes(role));
  return grantTo(service, key.id, roles, turned.next, reply);
};

const grantTo = async (
  { environment, tokenKeys, now }: TokenService,
  keyId: string,
  roles: readonly ApiRole[],
  refresh: string | undefined,
  reply: FastifyReply,
): Promise<FastifyReply> => {
  const subject = `key:${keyId}`;
  return reply.send({
    access_token: await issueToken(tokenKeys, { environment, subject, roles, now: now() }),
    token_type: 'Bearer',
    expires_in: TOKEN_SECONDS,
    scope: [...roles, ...(refresh === undefined ? [] : [OFFLINE])].join(' '),
    ...(refresh !== undefined && { refresh_token: refresh }),
  });
};

interface Client {
  readonly id: string;
  readonly secret: string;
}

/** By HTTP Basic or in the form, as RFC 6749 (2.3.1) has it; not by both. */
const clientOf = ({ headers }: FastifyRequest, form: Form): Client | undefined => {
  const [, encoded] = /^basic (\S+)$/i.exec(headers.authorization ?? '') ?? [];
  const basic = encoded === undefined ? undefined : basicOf(encoded);
  const { client_id: id, client_secret: secret } = form;
  if (headers.authorization !== undefined) {
    return basic && id === undefined && secret === undefined ? { id: basic.user, secret: basic.password } : undefined;
  }
  return id === undefined || secret === undefined ? undefined : { id, secret };
};

const goodKey = async (service: TokenService, { id, secret }: Client): Promise<StoredKey | undefined> => {
  const parts = apiKeyParts(secret);
  if (parts?.id !== id || parts.environment !== service.environment) return undefined;
  const key = await service.keys.find(id).catch((cause: unknown) => {
    throw unreachable(cause);
  });
  return key && isKey(key, secret) && whyEnded(key, service.now()) === undefined ? key : undefined;
};

const refuse = (reply: FastifyReply, error: Refusal, description: string): FastifyReply => {
  const status = error === 'invalid_client' ? 401 : 400;
  if (status === 401) reply.header('www-authenticate', 'Basic realm="perennial", charset="UTF-8"');
  return reply
    .code(status)
    .type('application/json')
    .send({ error, error_description: description, ...problem(status, description) });
};
