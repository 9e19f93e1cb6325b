// Uniform draws as SQL over DuckDB's hash(): each is a pure function of (seed, key, purpose), so thread count and row order cannot matter.
// hash(UBIGINT) is a 64-bit finaliser with full avalanche; keys are mixed by xor BEFORE one single-argument hash, because the
// several-argument hash() only xors the last argument in and would make two users' days coincide. Pinned by the DuckDB version.

const MASK = (1n << 64n) - 1n;

/** splitmix64 (Steele, Lea & Flood 2014): one scrambled 64-bit word from another. */
const splitmix64 = (word: bigint): bigint => {
  let z = (word + 0x9e3779b97f4a7c15n) & MASK;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
};

/** A 64-bit constant for a purpose and an index (a day, a slot), as an SQL literal. */
export const salt = (purpose: string, index = 0): string => {
  let word = splitmix64(BigInt(index));
  for (const letter of purpose) word = splitmix64(word ^ BigInt(letter.codePointAt(0) ?? 0));
  return `${word}::ubigint`;
};

/** A fresh 64-bit word from a 64-bit key. */
export const word = (key: string, purpose: string, index = 0): string => `hash(xor(${key}, ${salt(purpose, index)}))`;

/** A uniform in (0, 1) from a 64-bit word: 53 bits, never 0 or 1. */
export const unit = (bits: string): string => `(((${bits}) >> 11)::double + 0.5) / 9007199254740992.0`;

/** A uniform in (0, 1) for a key and a purpose. */
export const uniform = (key: string, purpose: string): string => unit(word(key, purpose));

/** The 64-bit bound that words of a uniform below `share` stay under. */
export const bound = (share: number): string => `${BigInt(Math.ceil(share * 2 ** 53 - 0.5)) << 11n}::ubigint`;

/** Whether a uniform for a key and a purpose is below a share: compared as whole numbers, which is cheaper than `uniform`. */
export const happens = (key: string, purpose: string, share: number): string =>
  `(${word(key, purpose)} < ${bound(share)})`;

/** An integer in [0, bound) for a key and a purpose. */
export const below = (bound: number | string, key: string, purpose: string): string =>
  `(${word(key, purpose)} % ${bound})::integer`;

/** The 1-based index of the band that a uniform falls in; the last band takes the rest. */
export const band = (u: string, shares: readonly number[]): string => {
  let edge = 0;
  const arms = shares.slice(0, -1).map((share, at) => {
    edge += share;
    return `when ${u} < ${edge} then ${at + 1}`;
  });
  return `case ${arms.join(' ')} else ${shares.length} end`;
};

/** A bound of words per user type, for `happens` with a share that depends on the 1-based `type` column. */
export const boundByType = (shares: readonly number[]): string => `${listed(shares.map(bound))}[type]`;

/** A constant per user type, picked by the 1-based `type` column. */
export const byType = (values: readonly number[]): string => `${listed(values.map((v) => `${v}::double`))}[type]`;

export const listed = (values: readonly string[]): string => `[${values.join(', ')}]`;
