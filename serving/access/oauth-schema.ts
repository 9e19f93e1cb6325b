// What the token endpoint takes and answers, for its route and for the OpenAPI document.
import { z } from 'zod';
import { jsonSchema } from '../schemas.ts';

const Word = z.string().min(1).max(4_096);

const form = (grant: string, needs: readonly string[], may: readonly string[]) => ({
  type: 'object',
  required: ['grant_type', ...needs],
  properties: {
    grant_type: { type: 'string', enum: [grant] },
    ...Object.fromEntries([...needs, ...may].map((name) => [name, { type: 'string', minLength: 1, maxLength: 4_096 }])),
  },
});

/** For the description; what was sent is checked by `Form`, whose refusals are OAuth's. */
const BODY = {
  oneOf: [
    form('client_credentials', [], ['client_id', 'client_secret', 'scope']),
    form('refresh_token', ['refresh_token'], []),
  ],
};

/** Other parameters are allowed and ignored, as the standard demands. */
export const Form = z.looseObject({
  grant_type: Word,
  client_id: Word.optional(),
  client_secret: Word.optional(),
  scope: Word.optional(),
  refresh_token: Word.optional(),
});
export type Form = z.infer<typeof Form>;

const Granted = z.strictObject({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.int().meta({ description: 'Seconds' }),
  scope: z.string().meta({ description: 'Its roles, and offline_access where a refresh token came along' }),
  refresh_token: z
    .string()
    .optional()
    .meta({ description: 'Good for one use; using it again ends all that came of it' }),
});

const Refused = z.strictObject({
  error: z.enum(['invalid_request', 'invalid_client', 'invalid_grant', 'invalid_scope', 'unsupported_grant_type']),
  error_description: z.string(),
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
});

const refused = { description: 'Refused', content: { 'application/json': { schema: jsonSchema(Refused) } } };

export const OAUTH_SCHEMA = {
  summary: 'A token for an API key (client credentials), or the next one (refresh)',
  consumes: ['application/x-www-form-urlencoded'],
  body: BODY,
  response: { 200: jsonSchema(Granted), 400: refused, 401: refused },
};
