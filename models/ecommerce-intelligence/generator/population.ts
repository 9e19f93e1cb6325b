// The planted population: user types, what a session does, and the marketing channels' lift. Constants only, tuned for the stated ceilings.

export type Department =
  | 'electronics'
  | 'computers'
  | 'appliances'
  | 'apparel'
  | 'furniture'
  | 'auto'
  | 'construction'
  | 'kids'
  | 'other';

/** A kind of user. Hidden; only its sessions show. Rates are per day or per session, all probabilities in [0, 1]. */
export interface UserType {
  readonly name: string;
  /** Share among the users who appear. */
  readonly share: number;
  /** Share among the users who appear from the drift date on. */
  readonly driftedShare: number;
  /** Chance of being active on a day when the season's factor is 1. */
  readonly visit: number;
  /** Chance of a day being the one on which the user leaves for good, from the day after the first. */
  readonly dropout: number;
  /** Chance that a session fills the cart. */
  readonly cart: number;
  /** Chance that a filled cart is bought, for a cheap product and no marketing touch. */
  readonly buy: number;
  /** How much a dear product lowers `buy`, as a share. */
  readonly priceSensitivity: number;
  /** How much likelier than average the home category lies in a department. */
  readonly taste: Partial<Record<Department, number>>;
}

export const USER_TYPES: readonly UserType[] = [
  {
    name: 'passer-by',
    share: 0.38,
    driftedShare: 0.46,
    visit: 0.03,
    dropout: 0.055,
    cart: 0.08,
    buy: 0.5,
    priceSensitivity: 0.3,
    taste: { apparel: 1.8, furniture: 1.5, electronics: 0.7 },
  },
  {
    name: 'window shopper',
    share: 0.25,
    driftedShare: 0.27,
    visit: 0.06,
    dropout: 0.022,
    cart: 0.07,
    buy: 0.5,
    priceSensitivity: 0.3,
    taste: { apparel: 1.5, furniture: 1.8, electronics: 0.7 },
  },
  {
    name: 'researcher',
    share: 0.08,
    driftedShare: 0.08,
    visit: 0.13,
    dropout: 0.022,
    cart: 0.04,
    buy: 0.5,
    priceSensitivity: 0.25,
    taste: { computers: 1.8, auto: 1.5, apparel: 0.6 },
  },
  {
    name: 'bargain hunter',
    share: 0.07,
    driftedShare: 0.05,
    visit: 0.1,
    dropout: 0.008,
    cart: 0.42,
    buy: 0.33,
    priceSensitivity: 0.5,
    taste: { appliances: 1.6, construction: 1.4 },
  },
  {
    name: 'occasional buyer',
    share: 0.15,
    driftedShare: 0.1,
    visit: 0.06,
    dropout: 0.008,
    cart: 0.42,
    buy: 0.44,
    priceSensitivity: 0.2,
    taste: { appliances: 1.4, kids: 1.6, electronics: 1.4, apparel: 0.6 },
  },
  {
    name: 'loyal buyer',
    share: 0.06,
    driftedShare: 0.03,
    visit: 0.062,
    dropout: 0.007,
    cart: 0.55,
    buy: 0.47,
    priceSensitivity: 0.1,
    taste: { electronics: 1.7, computers: 1.2, apparel: 0.6, furniture: 0.6 },
  },
  {
    name: 'gift buyer',
    share: 0.01,
    driftedShare: 0.01,
    visit: 0.04,
    dropout: 0.05,
    cart: 0.5,
    buy: 0.3,
    priceSensitivity: 0.15,
    taste: { electronics: 1.15, kids: 1.1 },
  },
];

/** The kinds of events, in the order in which a session has them. */
export const EVENT_TYPES = ['view', 'cart', 'remove_from_cart', 'purchase'] as const;

/** What a session does whatever the user's type, so that it tells nothing about the type. */
export const SESSION = {
  /** Chance that an active day has a second session, in the evening. */
  second: 0.12,
  /** Views before steering: `leastViews` plus a uniform integer below `viewSpread`. */
  leastViews: 2,
  viewSpread: 7,
  /** Chance that the product in focus is from the dear half of its category. */
  dear: 0.4,
  /** Chance that a session stays in the user's home category (the first one always does). */
  home: 0.85,
  /** Given a filled cart: the chance that the complement, or else a random product, joins it. */
  complement: 0.08,
  random: 0.03,
  /** Chance that an abandoned cart is emptied by hand. */
  remove: 0.3,
  /** Chance that the log lost the session's identifier. */
  anonymous: 0.006,
  /** Seconds between two events: `leastGap` plus a uniform integer below `gapSpread`, per session. */
  leastGap: 35,
  gapSpread: 45,
} as const;

/** Chance that a marketing touch in the hour before it led to a session. */
export const TOUCHED = 0.15;
/** Touches per user and day without any session following. */
export const IDLE_TOUCHES = 0.003;

/** Marketing channels, equally frequent; `lift` multiplies the chance that a filled cart is bought in the touched session. */
export const CHANNELS = [
  { name: 'email', lift: 1.3 },
  { name: 'search', lift: 1.5 },
  { name: 'social', lift: 1.1 },
  { name: 'display', lift: 1.0 },
  { name: 'affiliate', lift: 1.2 },
] as const;

/** Chance that a filled cart is bought, by type, price half and channel (0 = untouched). */
export const buyChance = (type: UserType, dear: boolean, channel: number): number =>
  type.buy * (dear ? 1 - type.priceSensitivity : 1) * (CHANNELS[channel - 1]?.lift ?? 1);

/** Chance that a filled cart is bought, over price halves and channels. */
export const meanBuyChance = (type: UserType): number => {
  const lift = 1 - TOUCHED + (TOUCHED * CHANNELS.reduce((sum, c) => sum + c.lift, 0)) / CHANNELS.length;
  return type.buy * (1 - SESSION.dear * type.priceSensitivity) * lift;
};

/** Expected events of one session of a type, before steering. */
export const eventsPerSession = (type: UserType): number => {
  const views = SESSION.leastViews + (SESSION.viewSpread - 1) / 2;
  const items = 1 + SESSION.complement + SESSION.random;
  const bought = meanBuyChance(type);
  return views + type.cart * (items + bought * items + (1 - bought) * SESSION.remove);
};
