// Categories as whole numbers for learners: a dictionary learned from training rows, kept with the model, used the same way in serving.
import { PerennialError } from '../errors.ts';

/** Categories of one column in code order: the position is the code. */
export type CategoryDictionary = readonly string[];

/** Codes beyond this are rare by construction; what is not in the dictionary is missing. */
export const MAX_CATEGORIES = 255;

/** The `limit` most frequent categories, most frequent first, ties by name (code units), so equal counts give equal codes. */
export const fitDictionary = (
  counts: Iterable<readonly [category: string, count: number]>,
  limit = MAX_CATEGORIES,
): CategoryDictionary =>
  [...counts]
    .sort(([nameA, countA], [nameB, countB]) => countB - countA || (nameA < nameB ? -1 : 1))
    .slice(0, limit)
    .map(([name]) => name);

/** How often each category occurs; nulls are not counted. */
export const countCategories = (values: Iterable<string | null>): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const value of values) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
};

/** A function from category to code; NaN (missing) for null and for what training did not see. */
export const encoder = (dictionary: CategoryDictionary): ((value: string | null | undefined) => number) => {
  const codes = new Map(dictionary.map((category, code) => [category, code]));
  if (codes.size !== dictionary.length) {
    throw new PerennialError('INVALID_INPUT', 'A dictionary names a category twice', { field: 'dictionary' });
  }
  return (value) => (value === null || value === undefined ? Number.NaN : (codes.get(value) ?? Number.NaN));
};
