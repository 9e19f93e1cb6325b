// Walks one column's zod schema for what its JSON Schema would silently lose: refinements, transforms, defaults, bounds of dates.
import type { z } from 'zod';

type Def = z.core.$ZodTypeDef & { readonly innerType?: z.core.$ZodType; readonly checks?: readonly z.core.$ZodCheck[] };

const WRAPPERS = ['optional', 'nullable', 'nonoptional', 'readonly'];
const PLAIN = ['string', 'number', 'boolean', 'enum', 'literal'];
/** JSON Schema has no word for these; they are fine as long as they carry no checks. */
const BARE = ['date', 'bigint'];

/** Throws an `Error` that says what the contract may not contain. */
export const inputsOnly = (schema: z.core.$ZodType): void => {
  const def: Def = schema._zod.def;
  if (def.checks?.some((check) => check._zod.def.check === 'custom'))
    throw new Error('a refinement cannot become SQL; write it as a law of a silver table');
  if (def.checks?.some((check) => check._zod.def.check === 'overwrite'))
    throw new Error('a contract takes values as they are; trim or change case in silver');
  if (WRAPPERS.includes(def.type) && def.innerType) {
    inputsOnly(def.innerType);
    return;
  }
  if (PLAIN.includes(def.type)) return;
  if (!BARE.includes(def.type))
    throw new Error(`${def.type} is no input column: transforms, defaults and unions belong in silver`);
  if (def.checks && def.checks.length > 0) throw new Error(`bounds of a ${def.type} cannot become SQL; use z.int()`);
};
