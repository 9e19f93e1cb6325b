// GET, POST and DELETE /api-keys: what `perennial api-key` does, for whoever administers an environment from elsewhere. The text of a key is
// told once, in the answer that made it.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ApiKeyRow, NewApiKey } from '../../adapters/postgres/api-keys.ts';
import { type ApiRole, apiRoles, mayGrant, type Principal } from '../../core/api-policy.ts';
import { PerennialError } from '../../core/errors.ts';
import { jsonSchema, problems, storable } from '../schemas.ts';
import { orUnavailable } from '../unavailable.ts';

/** The keys of an environment as serving keeps them; each change and its line in the audit are one transaction. */
export interface KeyDesk {
  list(): Promise<readonly ApiKeyRow[]>;
  create(wanted: NewApiKey): Promise<{ readonly text: string; readonly key: ApiKeyRow }>;
  revoke(id: string, by: string, why: string): Promise<ApiKeyRow>;
}

const config = { policy: 'keys.manage' } as const;
const Text = storable(1, 200);
const Role = z.enum(apiRoles);
const USUAL_DAYS = 90;

const CreateBody = z.strictObject({
  name: Text.meta({ description: 'What it is for' }),
  roles: z.array(Role).min(1).max(apiRoles.length).meta({ description: 'What it may do', uniqueItems: true }),
  days: z
    .int()
    .min(1)
    .max(366)
    .optional()
    .meta({ description: `How long it is good; ${USUAL_DAYS} where it is left out` }),
});
const KeyPath = z.strictObject({
  id: z
    .string()
    .regex(/^[0-9a-f]{12}$/)
    .meta({ description: 'Its 12 digits' }),
});
const RevokeQuery = z.strictObject({ why: Text.meta({ description: 'For whoever reads the audit' }) });

const Moment = z.iso.datetime();
const Key = z.strictObject({
  id: z.string(),
  name: z.string(),
  roles: z.array(Role),
  created_by: z.string(),
  created_at: Moment,
  expires_at: Moment,
  revoked_at: Moment.nullable(),
  revoked_by: z.string().nullable(),
  revoked_why: z.string().nullable(),
});
const Created = z.strictObject({
  ...Key.shape,
  key: z.string().meta({ description: 'Shown this once, kept nowhere' }),
});
const Keys = z.strictObject({ keys: z.array(Key) });

export const apiKeyRoutes = (app: FastifyInstance, environment: string, desk: KeyDesk): void => {
  app.get(
    '/api-keys',
    {
      config,
      schema: {
        summary: 'Which keys there are, without their secrets; the newest first',
        response: { 200: jsonSchema(Keys), ...problems(500, 503) },
      },
    },
    async (): Promise<z.infer<typeof Keys>> => ({ keys: (await answered(desk.list())).map(shown) }),
  );
  app.post<{ Body: z.infer<typeof CreateBody> }>(
    '/api-keys',
    {
      config,
      schema: {
        summary: 'Makes a key; a running API takes it at once',
        body: jsonSchema(CreateBody),
        response: { 201: jsonSchema(Created), ...problems(400, 500, 503) },
      },
    },
    async ({ principal, body: { name, roles, days = USUAL_DAYS } }, reply) => {
      requireGrant(principal, roles);
      const { text, key } = await answered(desk.create({ environment, name, roles, days, by: principal.id }));
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ ...shown(key), key: text });
    },
  );
  app.delete<{ Params: z.infer<typeof KeyPath>; Querystring: z.infer<typeof RevokeQuery> }>(
    '/api-keys/:id',
    {
      config,
      schema: {
        summary: 'Ends a key for good; a running API notices within five seconds',
        description: 'One that was ended before stays so, with the first one’s words.',
        params: jsonSchema(KeyPath),
        querystring: jsonSchema(RevokeQuery),
        response: { 200: jsonSchema(Key), ...problems(400, 404, 500, 503) },
      },
    },
    async ({ principal, params, query }): Promise<z.infer<typeof Key>> => {
      requireSomebody(principal);
      return shown(await answered(desk.revoke(params.id, principal.id, query.why)));
    },
  );
};

const answered = <T>(work: Promise<T>): Promise<T> => orUnavailable('The store of keys', work);

/** Nobody hands on more than he has. @throws PerennialError FORBIDDEN */
export const requireGrant = (principal: Principal, roles: readonly ApiRole[]): void => {
  requireSomebody(principal);
  const beyond = roles.find((role) => !mayGrant(principal.roles, role));
  if (beyond === undefined) return;
  const mend = 'Ask somebody whose roles open all that this one opens';
  throw new PerennialError('FORBIDDEN', 'A key may do no more than whoever makes it', {
    field: 'roles',
    value: beyond,
    mend,
  });
};

/** In dev nobody may be an administrator, and what he makes would outlive the setting that allowed it. @throws PerennialError FORBIDDEN */
const requireSomebody = ({ kind }: Principal): void => {
  if (kind !== 'anonymous') return;
  const mend = 'Give an API key or a token, or use `perennial api-key`';
  throw new PerennialError('FORBIDDEN', 'Keys are made and ended by somebody', { field: 'authorization', mend });
};

const shown = (key: ApiKeyRow): z.infer<typeof Key> => ({
  id: key.id,
  name: key.name,
  roles: key.roles,
  created_by: key.createdBy,
  created_at: key.createdAt.toISOString(),
  expires_at: key.expiresAt.toISOString(),
  revoked_at: key.revokedAt?.toISOString() ?? null,
  revoked_by: key.revokedBy,
  revoked_why: key.revokedWhy,
});
