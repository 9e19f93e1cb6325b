// What people type into a workflow's start form, checked at the border: for the activities that take it first.
import type { z } from 'zod';
import { PerennialError } from '../core/errors.ts';

/** Input as its schema understands it. @throws PerennialError INVALID_INPUT with every problem at once; `mend` says what would do. */
export const parsed = <Schema extends z.ZodType>(schema: Schema, input: unknown, mend?: string): z.output<Schema> => {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.') || 'input'}: ${message}`);
  throw new PerennialError('INVALID_INPUT', problems.join('; '), mend === undefined ? {} : { mend });
};
