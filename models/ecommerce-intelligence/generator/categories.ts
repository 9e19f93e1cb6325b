// The planted categories: complement pairs with a price level each, their traffic, each user type's taste, and where their products lie.
import { type Department, USER_TYPES } from './population.ts';

/** One side of a complement pair: category code and the level of its prices. */
type Side = readonly [code: string, price: number];

const PAIRS: readonly (readonly [Side, Side])[] = [
  [
    ['electronics.smartphone', 260],
    ['electronics.audio.headphone', 70],
  ],
  [
    ['computers.notebook', 560],
    ['computers.peripherals.mouse', 20],
  ],
  [
    ['electronics.video.tv', 400],
    ['electronics.audio.subwoofer', 100],
  ],
  [
    ['electronics.clocks', 160],
    ['accessories.bag', 60],
  ],
  [
    ['apparel.shoes', 85],
    ['apparel.shoes.keds', 70],
  ],
  [
    ['appliances.kitchen.refrigerators', 310],
    ['appliances.kitchen.washer', 330],
  ],
  [
    ['appliances.environment.vacuum', 115],
    ['appliances.iron', 28],
  ],
  [
    ['auto.accessories.player', 70],
    ['auto.accessories.alarm', 120],
  ],
  [
    ['furniture.living_room.sofa', 520],
    ['furniture.living_room.cabinet', 280],
  ],
  [
    ['appliances.kitchen.microwave', 85],
    ['appliances.kitchen.kettle', 36],
  ],
  [
    ['computers.desktop', 600],
    ['computers.peripherals.monitor', 110],
  ],
  [
    ['furniture.bedroom.bed', 155],
    ['furniture.bedroom.pillow', 15],
  ],
  [
    ['electronics.tablet', 380],
    ['electronics.telephone', 26],
  ],
  [
    ['kids.carriage', 118],
    ['kids.toys', 23],
  ],
  [
    ['construction.tools.drill', 75],
    ['construction.tools.saw', 113],
  ],
  [
    ['appliances.kitchen.blender', 54],
    ['appliances.kitchen.mixer', 33],
  ],
  [
    ['computers.components.videocards', 310],
    ['computers.components.memory', 49],
  ],
  [
    ['sport.bicycle', 265],
    ['kids.skates', 120],
  ],
  [
    ['appliances.kitchen.oven', 150],
    ['appliances.kitchen.hood', 70],
  ],
  [
    ['auto.accessories.videoregister', 140],
    ['auto.accessories.compressor', 118],
  ],
  [
    ['furniture.kitchen.table', 115],
    ['furniture.kitchen.chair', 56],
  ],
  [
    ['appliances.environment.air_conditioner', 195],
    ['appliances.environment.air_heater', 34],
  ],
  [
    ['apparel.dress', 31],
    ['apparel.shoes.sandals', 34],
  ],
  [
    ['computers.peripherals.printer', 136],
    ['stationery.cartrige', 11],
  ],
  [
    ['electronics.camera.video', 230],
    ['electronics.video.projector', 400],
  ],
  [
    ['appliances.sewing_machine', 235],
    ['appliances.ironing_board', 30],
  ],
  [
    ['computers.components.cpu', 250],
    ['computers.components.motherboard', 150],
  ],
  [
    ['construction.tools.generator', 90],
    ['construction.tools.light', 7],
  ],
  [
    ['kids.dolls', 27],
    ['kids.fmcg.diapers', 12],
  ],
  [
    ['appliances.personal.hair_cutter', 22],
    ['appliances.personal.scales', 18],
  ],
  [
    ['apparel.costume', 136],
    ['accessories.wallet', 39],
  ],
  [
    ['appliances.kitchen.dishwasher', 380],
    ['appliances.kitchen.hob', 229],
  ],
];

/** Categories; a category's complement is the one with index xor 1. */
export const CATEGORY_COUNT = 128;
/** Share of traffic in categories whose code the shop never filled in. */
const CODELESS = 0.36;
/** Equally likely slots in which tastes are expressed, so that each category's chance is exactly slots / SLOTS. */
export const SLOTS = 4096;

export interface Category {
  readonly index: number;
  readonly code: string | null;
  readonly department: Department;
  readonly price: number;
  /** Share of traffic. */
  readonly weight: number;
}

const departmentOf = (code: string): Department => {
  const first = code.split('.')[0];
  const known: readonly string[] = [
    'electronics',
    'computers',
    'appliances',
    'apparel',
    'furniture',
    'auto',
    'construction',
    'kids',
  ];
  return known.includes(first ?? '') ? (first as Department) : 'other';
};

/** All categories, most visited pairs first; every so often a pair has no code, for CODELESS of the traffic. */
export const categories = (): Category[] => {
  const pairWeights = Array.from({ length: CATEGORY_COUNT / 2 }, (_, pair) => 1 / (pair + 1) ** 1.2);
  const total = pairWeights.reduce((sum, weight) => sum + weight, 0);
  const named = [...PAIRS];
  let seen = 0;
  let codeless = 0;
  return pairWeights.flatMap((raw, pair) => {
    const weight = raw / total;
    seen += weight;
    const sides = codeless + weight / 2 < CODELESS * seen ? undefined : named.shift();
    if (sides === undefined) codeless += weight;
    return [0, 1].map((side) => {
      const [code, price] = sides?.[side] ?? [null, 20 + ((pair * 37 + side * 61) % 180)];
      const share = weight * (side === 0 ? 0.6 : 0.4);
      return {
        index: pair * 2 + side,
        code,
        department: code === null ? 'other' : departmentOf(code),
        price,
        weight: share,
      };
    });
  });
};

/** Whole slots proportional to the weights, summing to SLOTS, each at least one. */
const slotsOf = (weights: readonly number[]): number[] => {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const spare = SLOTS - weights.length;
  let running = 0;
  return weights.map((weight) => {
    const before = Math.round((running / total) * spare);
    running += weight;
    return 1 + Math.round((running / total) * spare) - before;
  });
};

/** Slots per category: row 0 for everybody's browsing, row k for the home categories of the k-th user type. */
export const tasteSlots = (): number[][] => {
  const all = categories();
  const everybody = all.map((c) => c.weight);
  return [everybody, ...USER_TYPES.map((type) => all.map((c) => c.weight * (type.taste[c.department] ?? 1)))].map(
    slotsOf,
  );
};

/** Where each category's products lie: two halves (cheap, dear) of `size` from `start`; pairs have equal sizes. */
export const pools = (products: number): { start: number; size: number }[] => {
  const all = categories();
  const roots = all.map((c) => Math.sqrt((all[c.index & ~1]?.weight ?? 0) + (all[c.index | 1]?.weight ?? 0)));
  const total = roots.reduce((sum, root) => sum + root, 0);
  let start = 0;
  return roots.map((root) => {
    const size = Math.max(2, Math.floor((products * root) / total / 2));
    const pool = { start, size };
    start += 2 * size;
    return pool;
  });
};

/** Products that are really laid out: near the number asked for, as each half of a category has at least two. */
export const itemCount = (products: number): number => {
  const last = pools(products).at(-1);
  return last === undefined ? 0 : last.start + 2 * last.size;
};
