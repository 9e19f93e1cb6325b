// Errors as RFC 9457 problem documents: the field, the value and the mend; never a stack, a path or SQL.
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { PerennialError } from '../core/errors.ts';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly field?: string;
  readonly value?: unknown;
  readonly mend?: string;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'The request is malformed',
  401: 'Who are you?',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Not a method of this address',
  409: 'It contradicts what was asked before',
  413: 'The request is too large',
  415: 'The body is not JSON',
  429: 'Too many requests',
  500: 'Something broke here',
  503: 'Not available at the moment',
};

const SHOWN_CHARACTERS = 200;

export const problem = (
  status: number,
  detail: string,
  more: Pick<Problem, 'field' | 'value' | 'mend'> = {},
): Problem => ({
  type: `urn:perennial:problem:${status}`,
  title: TITLES[status] ?? 'The request was refused',
  status,
  detail,
  ...(more.field !== undefined && { field: more.field }),
  ...(more.value !== undefined && { value: shortened(more.value) }),
  ...(more.mend !== undefined && { mend: more.mend }),
});

export const sendProblem = (reply: FastifyReply, body: Problem): FastifyReply => {
  if (body.status === 503) reply.header('retry-after', '1');
  return reply.code(body.status).type('application/problem+json').send(body);
};

/** The problem an error stands for; what is not known to be the caller's fault tells nothing but that it was ours. */
export const problemOf = (error: FastifyError, request: FastifyRequest): Problem => {
  if (error instanceof PerennialError) return ownProblem(error);
  if (error.validation) return invalid(error, request);
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return problem(status, detailOf(error), { field: 'request' });
  return problem(500, 'The request could not be answered. The log of the server says why.');
};

const ownProblem = ({ code, message, context }: PerennialError): Problem => {
  const { field, value, mend } = context;
  const more = { ...(field && { field }), ...(value !== undefined && { value }), ...(mend && { mend }) };
  if (code === 'UNKNOWN_NAME') return problem(404, message, more);
  if (code === 'INVALID_INPUT') return problem(400, message, more);
  if (code === 'CONFLICT') return problem(409, message, more);
  if (code === 'FORBIDDEN') return problem(403, message, more);
  if (code === 'UNAVAILABLE') return problem(503, message, more);
  return problem(500, 'The request could not be answered. The log of the server says why.');
};

const invalid = ({ validation, validationContext }: FastifyError, request: FastifyRequest): Problem => {
  const [fault] = validation ?? [];
  const part = validationContext ?? 'body';
  const parts: Readonly<Record<string, unknown>> = {
    body: request.body,
    params: request.params,
    querystring: request.query,
  };
  const { missingProperty, additionalProperty } = fault?.params ?? {};
  const steps = [...(fault?.instancePath ?? '').split('/').slice(1), missingProperty ?? additionalProperty].filter(
    (step): step is string => typeof step === 'string',
  );
  const field = steps.join('.') || part;
  return problem(400, `${field} ${fault?.message ?? 'is wrong'}`, {
    field,
    value: steps.reduce<unknown>(inside, parts[part]),
    mend: mendOf(fault?.keyword, field, fault?.params ?? {}),
  });
};

const inside = (value: unknown, step: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[step] : undefined;

const mendOf = (keyword: string | undefined, field: string, params: Readonly<Record<string, unknown>>): string => {
  if (keyword === 'required') return `Give ${field}`;
  if (keyword === 'additionalProperties') return `Leave ${field} out`;
  if (keyword === 'type') return `Give ${field} as ${String(params.type)}`;
  if (keyword === 'oneOf') return `Give one of the alternatives for ${field} in /openapi.json, and no second`;
  return `See /openapi.json for what ${field} may be`;
};

const detailOf = ({ code, message }: FastifyError): string => {
  if (code === 'FST_ERR_CTP_EMPTY_JSON_BODY') return 'The body is empty';
  if (code === 'FST_ERR_BAD_URL') return 'The address is not a valid URL';
  return code?.startsWith('FST_ERR_CTP_INVALID_JSON') || message.includes('JSON')
    ? 'The body is not valid JSON'
    : message;
};

const shortened = (value: unknown): unknown => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (text === undefined || text.length <= SHOWN_CHARACTERS) return value;
  return `${text.slice(0, SHOWN_CHARACTERS)}…`;
};
