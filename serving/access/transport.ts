// How answers travel: compressed where that pays, with headers that keep browsers from guessing, to the origins that were named, over TLS
// where there is a certificate.
import { readFileSync } from 'node:fs';
import { constants } from 'node:zlib';
import compress from '@fastify/compress';
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import { PerennialError } from '../../core/errors.ts';

export interface Transport {
  /** Origins whose pages may read answers; none: browsers keep to this one. */
  readonly corsOrigins: readonly string[];
  /** True where the world speaks HTTPS with it. */
  readonly secure: boolean;
}

/** Shorter answers are not worth it: a prediction is not compressed. */
const THRESHOLD_BYTES = 1_024;
const BROTLI_QUALITY = 4;

const HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'private, no-cache',
};
const YEAR_SECONDS = 31_536_000;

/** Register it on the root of the app, before the gate: what the gate refuses travels as well. */
export const carry = async (app: FastifyInstance, { corsOrigins, secure }: Transport): Promise<void> => {
  const more = {
    ...(secure && { 'strict-transport-security': `max-age=${YEAR_SECONDS}` }),
    ...(corsOrigins.length > 0 && { 'cross-origin-resource-policy': 'cross-origin' }),
  };
  const headers = { ...HEADERS, ...more };
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers);
    done();
  });
  await app.register(compress, {
    global: true,
    // What is sent compressed could unfold to any size.
    globalDecompression: false,
    encodings: ['br', 'gzip', 'identity'],
    threshold: THRESHOLD_BYTES,
    brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } },
  });
  if (corsOrigins.length === 0) return;
  await app.register(cors, {
    origin: [...corsOrigins],
    methods: ['GET', 'HEAD', 'POST', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'x-api-key'],
    exposedHeaders: ['location', 'ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'retry-after'],
    credentials: false,
    maxAge: 600,
  });
};

/** @throws PerennialError INVALID_INPUT naming the file that cannot be read. */
export const readTls = (files: {
  readonly certificate: string;
  readonly key: string;
}): { cert: Buffer; key: Buffer } => ({
  cert: readPem(files.certificate, 'PERENNIAL_API_TLS_CERTIFICATE'),
  key: readPem(files.key, 'PERENNIAL_API_TLS_KEY'),
});

const readPem = (file: string, field: string): Buffer => {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new PerennialError('INVALID_INPUT', 'A file for HTTPS cannot be read', {
      field,
      value: file,
      mend: 'Name a readable PEM file',
      cause,
    });
  }
};
