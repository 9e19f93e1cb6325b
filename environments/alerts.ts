// Who is told when something is wrong: the file of receivers. It holds secrets (a webhook's key, a mail password), so it is a file of its
// own, readable by its owner alone, and never a variable. For environment.ts.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type EnvironmentName, environmentNames } from '../core/access.ts';
import { severities } from '../core/alert.ts';
import { PerennialError } from '../core/errors.ts';

const shared = {
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/),
  /** Told from this severity on. */
  from: z.enum(severities).default('warning'),
  environments: z
    .array(z.enum(environmentNames))
    .min(1)
    .default([...environmentNames]),
};
const SECRET_BYTES = 24;
const receiverSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    ...shared,
    kind: z.literal('webhook'),
    url: z.url({ protocol: /^https?$/ }),
    secret: z
      .string()
      .refine(
        (text) => Buffer.from(text.replace(/^whsec_/, ''), 'base64').length >= SECRET_BYTES,
        `must be base64 of ${SECRET_BYTES} bytes or more`,
      ),
  }),
  z.strictObject({
    ...shared,
    kind: z.literal('email'),
    smtp: z.url({ protocol: /^smtps?$/ }),
    sender: z.string().min(3),
    to: z.array(z.email()).min(1),
  }),
]);
const fileSchema = z
  .strictObject({ receivers: z.array(receiverSchema) })
  .refine(({ receivers }) => new Set(receivers.map(({ name }) => name)).size === receivers.length, 'Two have one name');

export type Receiver = z.infer<typeof receiverSchema>;

/** The receivers of an environment; none where there is no file. @throws PerennialError INVALID_INPUT naming the entry, never its value. */
export const receiversIn = (file: string, name: EnvironmentName): readonly Receiver[] => {
  const text = textOf(file);
  if (text === undefined) return [];
  const parsed = fileSchema.safeParse(jsonOf(file, text));
  if (parsed.success) return parsed.data.receivers.filter(({ environments }) => environments.includes(name));
  const [issue] = parsed.error.issues;
  throw unusable(file, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unreadable'}`);
};

const textOf = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

const jsonOf = (file: string, text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw unusable(file, 'it is not JSON');
  }
};

const unusable = (file: string, why: string): PerennialError =>
  new PerennialError('INVALID_INPUT', `The file of alert receivers is wrong: ${why}`, {
    field: file,
    mend: 'Correct it; `perennial alert test` tries it.',
  });
