// The credentials of a request, as its headers carry them; nothing is looked up yet. For the gate and for the token endpoint.
import type { IncomingHttpHeaders } from 'node:http';
import { type ApiKeyParts, apiKeyParts } from '../../core/api-key.ts';

export type Credentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'key'; readonly text: string; readonly parts: ApiKeyParts }
  | { readonly kind: 'token'; readonly text: string }
  | { readonly kind: 'malformed'; readonly why: string };

const LONGEST = 4_096;

/**
 * `Authorization: Bearer <API key or token>`, or `X-API-Key`, or, so that a browser can show pages, Basic with an API key as password.
 * A browser sends the latter by itself, also when another site makes it ask: so it counts for reading alone.
 */
export const credentialsOf = (headers: IncomingHttpHeaders, method: string): Credentials => {
  const { authorization, 'x-api-key': apiKey } = headers;
  if (authorization !== undefined && apiKey !== undefined) return malformed('Give one credential, not two');
  if (typeof apiKey === 'string') return keyOf(apiKey);
  if (apiKey !== undefined) return malformed('Give one API key');
  if (authorization === undefined) return { kind: 'none' };
  if (authorization.length > LONGEST) return malformed('The credential is too long');
  const [, scheme = '', text = ''] = /^([A-Za-z]+) (\S+)$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return text.startsWith('perennial_') ? keyOf(text) : { kind: 'token', text };
  if (scheme.toLowerCase() !== 'basic') return malformed('Give `Bearer` with an API key or a token');
  if (method !== 'GET' && method !== 'HEAD') return malformed('Basic is for reading alone: give `Bearer`');
  return keyOf(basicOf(text)?.password ?? '');
};

const keyOf = (text: string): Credentials => {
  const parts = apiKeyParts(text);
  return parts ? { kind: 'key', text, parts } : malformed('This is no API key');
};

const malformed = (why: string): Credentials => ({ kind: 'malformed', why });

/** User and password of the Basic scheme; undefined for what is neither. */
export const basicOf = (encoded: string): { readonly user: string; readonly password: string } | undefined => {
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
};
