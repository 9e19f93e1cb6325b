// Who may do what over HTTP, as data: every route names a policy, and a policy names the roles that it is open to. For serving, the
// command line and the test that holds a running router to it. A principal's roles hold in one environment alone.

export const apiRoles = ['viewer', 'analyst', 'scientist', 'approver', 'admin'] as const;
export type ApiRole = (typeof apiRoles)[number];

/** Open without credentials: they give away no more than that something runs here, or are how one comes by credentials. */
const ANYONE = 'anyone';
const READERS = ['viewer', 'analyst', 'scientist', 'approver', 'admin'] as const;
const ASKERS = ['analyst', 'scientist', 'admin'] as const;
const REVIEWERS = ['analyst', 'scientist', 'approver', 'admin'] as const;

/** An approver judges what others made: he reads and asks for reasons, and neither scores nor writes. */
export const apiPolicies = {
  health: ANYONE,
  'token.issue': ANYONE,
  'token.keys': ANYONE,
  openapi: READERS,
  metrics: READERS,
  'models.read': READERS,
  'pages.read': READERS,
  predict: ASKERS,
  'predict.top': ASKERS,
  explain: REVIEWERS,
  'features.read': ASKERS,
  'predictions.read': REVIEWERS,
  'score.batch': ['scientist', 'admin'],
  'features.push': ['scientist', 'admin'],
  'audit.read': ['approver', 'admin'],
  'keys.manage': ['admin'],
} as const satisfies Readonly<Record<string, typeof ANYONE | readonly ApiRole[]>>;

export type ApiPolicy = keyof typeof apiPolicies;

/** True where no credentials are asked for. */
export const isOpen = (policy: ApiPolicy): boolean => apiPolicies[policy] === ANYONE;

/** True where one of the roles is enough. */
export const mayUse = (policy: ApiPolicy, roles: readonly ApiRole[]): boolean => {
  const open: typeof ANYONE | readonly ApiRole[] = apiPolicies[policy];
  return open === ANYONE || roles.some((role) => open.includes(role));
};

/** True where the roles open all that `role` opens: nobody hands on more than he has. */
export const mayGrant = (roles: readonly ApiRole[], role: ApiRole): boolean =>
  Object.keys(apiPolicies)
    .filter(isApiPolicy)
    .every((policy) => !mayUse(policy, [role]) || mayUse(policy, roles));

/** True for the name of a policy; a route that names another, or none, is closed. */
export const isApiPolicy = (name: unknown): name is ApiPolicy =>
  typeof name === 'string' && Object.hasOwn(apiPolicies, name);

/** Whoever asks: an API key, a token made from one, a person with a token of the command line, or nobody known. */
export interface Principal {
  readonly id: string;
  readonly roles: readonly ApiRole[];
  readonly kind: 'anonymous' | 'key' | 'token';
}

export const isApiRole = (name: unknown): name is ApiRole => (apiRoles as readonly unknown[]).includes(name);
