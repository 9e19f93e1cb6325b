// `perennial api-key` and `perennial token`: credentials for the API of one environment, told once.
import { type Command, InvalidArgumentError, Option } from 'commander';
import pc from 'picocolors';
import { type ApiKeyRow, PostgresApiKeys } from '../../adapters/postgres/api-keys.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { type ApiRole, apiRoles, isApiRole } from '../../core/api-policy.ts';
import { PerennialError } from '../../core/errors.ts';
import { type Environment, environmentNames, loadEnvironment } from '../../environments/environment.ts';
import { makeToken } from '../api-token.ts';
import { json, table } from '../output.ts';
import { osUser } from '../promotion.ts';

interface Common {
  readonly env: string;
  readonly json?: boolean;
}

interface Created extends Common {
  readonly role: readonly ApiRole[];
  readonly name: string;
  readonly days: number;
}

export const register = (program: Command): void => {
  const keys = program.command('api-key').description('API keys of an environment: make, list, revoke');
  common(keys.command('create'))
    .description('make an API key; it is shown once and kept nowhere')
    .requiredOption('--role <roles>', `what it may do, of ${apiRoles.join(',')}`, rolesIn)
    .requiredOption('--name <text>', 'what it is for')
    .option('--days <n>', 'how long it is good', daysIn, 90)
    .action(create);
  common(keys.command('list')).description('which keys there are, without their secrets').action(list);
  common(keys.command('revoke'))
    .description('end a key; an API that runs notices within five seconds')
    .argument('<key>', 'its 12 digits')
    .requiredOption('--why <reason>', 'for whoever reads the audit')
    .action(revoke);
  common(program.command('token'))
    .description('make a token of your own for the API of an environment, signed with its key')
    .option('--role <roles>', `what it may do, of ${apiRoles.join(',')}`, rolesIn, ['analyst'])
    .option('--minutes <n>', 'how long it is good, at most 60', minutesIn, 15)
    .addHelpText('after', '\ncurl -H "Authorization: Bearer $(npx perennial token --env prod)" …')
    .action(async ({ env, role, minutes, json: asJson }: Common & { role: readonly ApiRole[]; minutes: number }) => {
      const token = await makeToken(loadEnvironment(env), { roles: role, seconds: minutes * 60 });
      asJson ? json({ token, expiresInSeconds: minutes * 60 }) : console.log(token);
    });
};

const common = (command: Command): Command =>
  command
    .addOption(new Option('--env <name>', 'of which environment').choices([...environmentNames]).default('dev'))
    .option('--json', 'print it as JSON');

const create = async ({ env, role, name, days, json: asJson }: Created): Promise<void> => {
  const { text, key } = await withKeys(loadEnvironment(env), (keys) =>
    keys.create({ environment: env, name, roles: role, days, by: osUser() }),
  );
  if (asJson) return json({ ...shown(key), key: text });
  console.error(
    pc.dim(
      `Key ${key.id} of ${env} for ${name}: ${role.join(', ')}, until ${day(key.expiresAt)}. It is shown this once.`,
    ),
  );
  console.log(text);
};

const list = async ({ env, json: asJson }: Common): Promise<void> => {
  const found = (await withKeys(loadEnvironment(env), (keys) => keys.list())).map(shown);
  asJson ? json(found) : console.log(table(found, found.length));
};

const revoke = async (id: string, { env, why, json: asJson }: Common & { readonly why: string }): Promise<void> => {
  const key = await withKeys(loadEnvironment(env), (keys) => keys.revoke(id, osUser(), why));
  asJson ? json(shown(key)) : console.log(`✔ ${id} of ${env} was revoked by ${key.revokedBy}: ${key.revokedWhy}`);
};

const withKeys = async <T>(
  { postgres, schema }: Environment,
  work: (keys: PostgresApiKeys) => Promise<T>,
): Promise<T> => {
  const pool = openPool(postgres, { max: 1, schema });
  try {
    return await work(new PostgresApiKeys(pool));
  } finally {
    await pool.end();
  }
};

const shown = ({ id, name, roles, createdBy, createdAt, expiresAt, revokedAt, revokedWhy }: ApiKeyRow) => ({
  key: id,
  name,
  roles: roles.join(', '),
  by: createdBy,
  made: day(createdAt),
  'good until': day(expiresAt),
  revoked: revokedAt === null ? '' : `${day(revokedAt)}: ${revokedWhy}`,
});

const day = (date: Date): string => date.toISOString().slice(0, 10);

const rolesIn = (list: string): readonly ApiRole[] => {
  const names = list.split(',').map((name) => name.trim());
  const stranger = names.find((name) => !isApiRole(name));
  if (stranger === undefined) return names.filter(isApiRole);
  throw new PerennialError('INVALID_INPUT', 'No such role', {
    field: '--role',
    value: stranger,
    mend: `Choose of ${apiRoles.join(', ')}`,
  });
};

const daysIn = (text: string): number => within(text, 1, 366);
const minutesIn = (text: string): number => within(text, 1, 60);

const within = (text: string, least: number, most: number): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(`a whole number from ${least} to ${most}`);
};
