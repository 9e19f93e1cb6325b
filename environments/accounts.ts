// The database place of every account, and which of their passwords another process is told. For environment.ts.
import { type AccountName, accountNames, roleAccounts, roleOf } from '../core/access.ts';
import { type Secrets, secretsOf } from './secrets.ts';
import { passwordSetting, type Settings } from './settings.ts';

export interface PostgresPlace {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Empty where this process was not told it: whoever connects all the same is refused. */
  readonly password: string;
  readonly database: string;
}

export type Accounts = Readonly<Record<AccountName, PostgresPlace>>;

/** Every account's place. Passwords come from the settings, else from `<home>/secrets.json`, which is made and read only at need. */
export const accountsOf = (settings: Settings, home: string): Accounts => {
  const owner = ownerPlace(settings);
  const known = new Set(settings.PERENNIAL_ACCOUNTS ?? accountNames);
  let secrets: Secrets | undefined;
  const kept = (): Secrets => {
    secrets ??= secretsOf(home);
    return secrets;
  };
  const roles = roleAccounts.map((account) => {
    const password = known.has(account) ? (settings[passwordSetting(account)] ?? kept().accounts[account]) : '';
    const database = account === 'mlflow' ? settings.PERENNIAL_MLFLOW_DATABASE : owner.database;
    return [account, { ...owner, user: roleOf(account), password, database }];
  });
  const ownPassword = () => owner.password ?? kept().postgresPassword;
  return { ...Object.fromEntries(roles), owner: { ...owner, password: known.has('owner') ? ownPassword() : '' } };
};

/** The settings that tell another process the passwords of `told` and of no other account. */
export const accountSettings = (
  accounts: Accounts,
  external: boolean,
  told: readonly AccountName[],
): Record<string, string> => {
  const may = accountNames.filter((account) => told.includes(account) && accounts[account].password !== '');
  const passwords = roleAccounts.filter((account) => may.includes(account));
  const owner = may.includes('owner') ? accounts.owner : { ...accounts.owner, password: '' };
  return {
    PERENNIAL_ACCOUNTS: (may.length === 0 ? told : may).join(),
    ...Object.fromEntries(passwords.map((account) => [passwordSetting(account), accounts[account].password])),
    ...(external ? { DATABASE_URL: postgresUrl(owner) } : {}),
    ...(!external && owner.password !== '' ? { PERENNIAL_POSTGRES_PASSWORD: owner.password } : {}),
  };
};

/** A `postgresql://` address with the password in it: for a child's variables, never for a log. */
export const postgresUrl = ({ host, port, user, password, database }: PostgresPlace): string => {
  const secret = password === '' ? '' : `:${encodeURIComponent(password)}`;
  return `postgresql://${encodeURIComponent(user)}${secret}@${host}:${port}/${encodeURIComponent(database)}`;
};

const ownerPlace = (
  settings: Settings,
): Omit<PostgresPlace, 'password'> & { readonly password: string | undefined } => {
  const password = settings.PERENNIAL_POSTGRES_PASSWORD;
  if (settings.DATABASE_URL === undefined) {
    return {
      host: '127.0.0.1',
      port: settings.PERENNIAL_PORT_POSTGRES,
      user: 'perennial',
      password,
      database: 'perennial',
    };
  }
  const url = new URL(settings.DATABASE_URL);
  return {
    host: url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)) || 'postgres',
  };
};
