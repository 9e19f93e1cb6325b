// The planted world as numbers: the plan adds up, the catalogue is what it says, and the oracle's recursions equal plain enumeration.
import { describe, expect, it } from 'vitest';
import {
  CATEGORY_COUNT,
  categories,
  itemCount,
  pools,
  SLOTS,
  tasteSlots,
} from '../../../models/ecommerce-intelligence/generator/categories.ts';
import { bound, salt } from '../../../models/ecommerce-intelligence/generator/draws.ts';
import { classLogLikelihood, typeTables } from '../../../models/ecommerce-intelligence/generator/oracle.ts';
import {
  activeChance,
  batches,
  cutDay,
  daysOf,
  planGeneration,
  populationOptions,
} from '../../../models/ecommerce-intelligence/generator/plan.ts';
import {
  buyChance,
  CHANNELS,
  meanBuyChance,
  SESSION,
  USER_TYPES,
  type UserType,
} from '../../../models/ecommerce-intelligence/generator/population.ts';
import {
  dateAfter,
  daysBetween,
  hourSlots,
  seasonOdds,
} from '../../../models/ecommerce-intelligence/generator/season.ts';
import { CHANNEL_STATES } from '../../../models/ecommerce-intelligence/generator/sessions.ts';
import { steerDay, viewsToAdd } from '../../../models/ecommerce-intelligence/generator/steering.ts';

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const FROM = '2019-07-02';
const plan = (rows: number, faults = {}) => planGeneration(populationOptions.parse({ rows, faults }));

describe('plan', () => {
  it('spreads exactly the rows asked for and as many users as arrive', () => {
    const { expectedRows, arrivals, users } = plan(5_000_000);
    expect(sum(expectedRows)).toBeCloseTo(5_000_000, 3);
    expect(sum(arrivals)).toBe(users);
  });
  it('has about a user for every twenty events, and no more than 206,000 products', () => {
    const { users, products } = plan(110_000_000);
    expect(110_000_000 / users).toBeGreaterThan(18);
    expect(110_000_000 / users).toBeLessThan(23);
    expect(itemCount(products)).toBeLessThanOrEqual(206_000);
    expect(itemCount(products)).toBeGreaterThan(200_000);
  });
  it('steers to the row count: on the last day by what is missing, before by a share of it', () => {
    const small = plan(10_000);
    const last = small.days - 1;
    expect(viewsToAdd(small, last, 9_900, 130)).toBe(-30);
    expect(Math.abs(viewsToAdd(small, 10, 900, 100))).toBeLessThan(100);
    expect(viewsToAdd(small, last, 9_900, 0)).toBe(0);
  });
  it('steers a day by its spare views alone, and never below one view a session', () => {
    const small = plan(10_000);
    const last = small.days - 1;
    const sums = { day: last, rows: 130, spare: 80 };
    expect(steerDay(small, 9_900, 7, sums)).toEqual({ day: last, spare: 80, wanted: 50, before: 7, rows: 100 });
    expect(steerDay(small, 9_999, 0, sums)).toMatchObject({ wanted: 0, rows: 50 });
    expect(steerDay(small, 9_900, 0, { day: last, rows: 4, spare: 0 })).toMatchObject({ wanted: 0, rows: 4 });
  });
  it('makes every day in one batch: many days of a small run, single days of a large one', () => {
    for (const rows of [1_000, 2_000_000, 10_000_000, 110_000_000]) {
      const large = plan(rows);
      expect(batches(large).flatMap(daysOf)).toEqual(large.arrivals.map((_, day) => day));
    }
    expect(batches(plan(1_000))).toHaveLength(16);
    expect(batches(plan(110_000_000))).toHaveLength(152);
  });
  it('refuses a cut outside the data and faults that do not exist', () => {
    expect(cutDay(plan(1_000), '2019-11-01')).toBe(122);
    expect(() => cutDay(plan(1_000), '2020-06-01')).toThrow(/Choose a date from 2019-07-03 to 2019-12-01/);
    expect(populationOptions.safeParse({ rows: 1_000, faults: { gremlins: 0.1 } }).success).toBe(false);
  });
});

describe('season', () => {
  it('peaks on Black Friday, is about 1 over a year, and counts days in UTC', () => {
    const year = Array.from({ length: 365 }, (_, day) => seasonOdds(dateAfter('2019-01-01', day)));
    expect(sum(year) / 365).toBeGreaterThan(0.97);
    expect(sum(year) / 365).toBeLessThan(1.05);
    expect(seasonOdds('2019-11-29') / seasonOdds('2019-11-22')).toBeGreaterThan(1.3);
    expect(dateAfter(FROM, 151)).toBe('2019-11-30');
    expect(daysBetween(FROM, '2019-11-30')).toBe(151);
    expect(hourSlots().length).toBe(299);
  });
});

describe('catalogue', () => {
  it('leaves 35 to 42 % of the traffic without a category code', () => {
    const all = categories();
    const codeless = sum(all.filter((c) => c.code === null).map((c) => c.weight));
    expect(all).toHaveLength(CATEGORY_COUNT);
    expect(sum(all.map((c) => c.weight))).toBeCloseTo(1, 9);
    expect(codeless).toBeGreaterThan(0.35);
    expect(codeless).toBeLessThan(0.42);
  });
  it('gives complements pools of equal size and every category a slot in every taste', () => {
    const laid = pools(9_434);
    for (let pair = 0; pair < CATEGORY_COUNT; pair += 2) expect(laid[pair]?.size).toBe(laid[pair + 1]?.size);
    for (const row of tasteSlots()) {
      expect(sum(row)).toBe(SLOTS);
      expect(Math.min(...row)).toBeGreaterThan(0);
    }
  });
});

describe('draws', () => {
  it('bound the words of exactly those uniforms that are below a share', () => {
    const uniform = (bits: bigint): number => (Number(bits >> 11n) + 0.5) / 2 ** 53;
    for (const share of [0.006, 0.03, 0.12, 0.35, 0.4999]) {
      const edge = BigInt(bound(share).replace('::ubigint', ''));
      expect(uniform(edge - 1n)).toBeLessThan(share);
      expect(uniform(edge)).toBeGreaterThanOrEqual(share);
    }
  });
  it('salts differ by purpose and by index', () => {
    const salts = ['visit', 'session', 'cart'].flatMap((p) => [0, 1, 2].map((at) => salt(p, at)));
    expect(new Set(salts).size).toBe(salts.length);
  });
});

describe('population', () => {
  it('has shares that add to 1 and chances that are chances', () => {
    expect(sum(USER_TYPES.map((t) => t.share))).toBeCloseTo(1, 12);
    expect(sum(USER_TYPES.map((t) => t.driftedShare))).toBeCloseTo(1, 12);
    for (const type of USER_TYPES)
      for (let channel = 0; channel <= CHANNELS.length; channel++) {
        expect(buyChance(type, false, channel)).toBeLessThan(1);
        expect(buyChance(type, true, channel)).toBeLessThan(buyChance(type, false, channel));
      }
  });
});

describe('oracle', () => {
  const type = USER_TYPES[3] as UserType;
  const CUT = 9;
  const q = (day: number): number => activeChance(type, dateAfter(FROM, day));
  const tables = typeTables(type, FROM, CUT);

  it('silence and survival equal the sum over the day of leaving', () => {
    for (let last = 0; last < CUT; last++) {
      let [alive, left] = [1, 0];
      for (let day = last + 1; day < CUT; day++) {
        left += alive * type.dropout;
        alive *= (1 - type.dropout) * (1 - q(day));
      }
      expect(Math.exp(tables.silence[last] ?? 0)).toBeCloseTo(alive + left, 12);
      expect(tables.alive[last]).toBeCloseTo(alive / (alive + left), 12);
    }
  });
  it('the purchase chance equals the sum over the day of the first purchase', () => {
    const bySession = type.cart * meanBuyChance(type);
    const byDay = bySession + (1 - bySession) * SESSION.second * bySession;
    let [waiting, bought] = [1, 0];
    for (let day = CUT; day < CUT + 30; day++) {
      const living = waiting * (1 - type.dropout);
      bought += living * q(day) * byDay;
      waiting = living * (1 - q(day) * byDay);
    }
    expect(tables.purchase).toBeCloseTo(bought, 12);
  });
  it('the classes of a session are a distribution, given its product half and channel', () => {
    for (const dear of [0, 1])
      for (let channel = 0; channel < CHANNEL_STATES; channel++) {
        const cells = [0, 1, 2].map((outcome) => (outcome * 2 + dear) * CHANNEL_STATES + channel);
        expect(sum(cells.map((cell) => Math.exp(classLogLikelihood(type, cell))))).toBeCloseTo(1, 12);
      }
  });
});
