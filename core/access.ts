// Who may reach what: the environments in the order of promotion, the database accounts of the program, and how far each reaches.
// For the environments, which name the places, and for the grants in Postgres, which hold people to it.

/** In the order of promotion. */
export const environmentNames = ['dev', 'staging', 'prod'] as const;
export type EnvironmentName = (typeof environmentNames)[number];

/** The environment that promotions into this one come from. */
export const lowerOf = (name: EnvironmentName): EnvironmentName | undefined =>
  environmentNames[environmentNames.indexOf(name) - 1];

/** `owner` prepares (roles, migrations, grants) and does nothing else; the program runs as a service; people read as developer or admin. */
export const accountNames = [
  'owner',
  'dev_service',
  'staging_service',
  'prod_service',
  'developer',
  'admin',
  'mlflow',
] as const;
export type AccountName = (typeof accountNames)[number];

/** Accounts that are roles of our own making; the owner is whoever set the server up. */
export const roleAccounts = accountNames.filter((name): name is RoleAccount => name !== 'owner');
export type RoleAccount = Exclude<AccountName, 'owner'>;

export const serviceOf = (name: EnvironmentName): `${EnvironmentName}_service` => `${name}_service`;
export const roleOf = (account: RoleAccount): string => `perennial_${account}`;

/**
 * `write`: all that the environment's own service does. `read`: every row of registry, online store and lake.
 * `registry`: which versions there are, which one answers and why, but no row about a customer.
 */
export type Reach = 'write' | 'read' | 'registry';

/** Whoever is not named reaches nothing. */
export const reach: Readonly<Record<EnvironmentName, Readonly<Partial<Record<RoleAccount, Reach>>>>> = {
  dev: { dev_service: 'write', developer: 'write', admin: 'write', staging_service: 'registry' },
  staging: { staging_service: 'write', developer: 'read', admin: 'write', prod_service: 'registry' },
  prod: { prod_service: 'write', developer: 'registry', admin: 'read' },
};
