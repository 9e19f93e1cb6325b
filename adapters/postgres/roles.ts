// The login roles of the program, made and mended by the server's owner: no role may do more than log in. For the stack's preparation.
import pg from 'pg';
import { PerennialError } from '../../core/errors.ts';
import { type PostgresAddress, withConnection } from './pool.ts';
import { scramVerifier } from './scram.ts';

export interface Role {
  readonly user: string;
  readonly password: string;
}

const PLAIN = 'login nosuperuser nocreatedb nocreaterole noreplication nobypassrls';
const POWERS = 'rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls or not rolcanlogin';

/**
 * Makes the roles that are missing, takes powers and memberships from those that have any, and sets a password only where the given
 * one is refused.
 * Returns the names it made or changed. Callers may race.
 * @throws PerennialError UNAVAILABLE where the owner may not do it.
 */
export const ensureRoles = (owner: PostgresAddress, roles: readonly Role[]): Promise<string[]> =>
  withConnection(owner, async (client) => {
    const { rows } = await client.query<{ rolname: string }>('select rolname from pg_roles');
    const known = new Set(rows.map(({ rolname }) => rolname));
    const strangers = await Promise.all(roles.map((role) => known.has(role.user) && isStranger(owner, role)));
    await client.query('begin');
    await client.query(`select pg_advisory_xact_lock(hashtextextended('perennial roles', 0))`);
    const changed: string[] = [];
    for (const [index, role] of roles.entries()) {
      try {
        if (await ensureRole(client, role, strangers[index] === true)) changed.push(role.user);
      } catch (cause) {
        throw refused(owner, role, cause);
      }
    }
    await client.query('commit');
    return changed;
  });

const ensureRole = async (client: pg.Client, { user, password }: Role, isStrange: boolean): Promise<boolean> => {
  const name = client.escapeIdentifier(user);
  const { rows } = await client.query<{ powers: boolean }>(
    `select ${POWERS} as powers from pg_roles where rolname = $1`,
    [user],
  );
  const [found] = rows;
  const verifier = async () => client.escapeLiteral(await scramVerifier(password));
  if (found === undefined) await client.query(`create role ${name} ${PLAIN} password ${await verifier()}`);
  else if (found.powers) await client.query(`alter role ${name} ${PLAIN}`);
  if (found !== undefined && isStrange) await client.query(`alter role ${name} password ${await verifier()}`);
  const left = await leaveRoles(client, user);
  await joinRole(client, user);
  return found === undefined || found.powers || isStrange || left;
};

// Whoever is a member of another role has all its rights.
const leaveRoles = async (client: pg.Client, user: string): Promise<boolean> => {
  const { rows } = await client.query<{ role: string; grantor: string }>(
    `select roleid::regrole::text as role, grantor::regrole::text as grantor from pg_auth_members where member::regrole = $1::regrole`,
    [client.escapeIdentifier(user)],
  );
  for (const { role, grantor } of rows) {
    await client.query(`revoke ${role} from ${client.escapeIdentifier(user)} granted by ${grantor}`);
  }
  return rows.length > 0;
};

// An owner that is no superuser gives objects to a role only as its member.
const joinRole = async (client: pg.Client, user: string): Promise<void> => {
  const { rows } = await client.query<{ member: boolean }>(
    `select pg_has_role(current_user, $1, 'usage') and pg_has_role(current_user, $1, 'set') as member`,
    [user],
  );
  if (rows[0]?.member) return;
  await client.query(`grant ${client.escapeIdentifier(user)} to current_user with inherit true, set true`);
};

/** True where the server refuses this password of a role. */
const isStranger = (owner: PostgresAddress, { user, password }: Role): Promise<boolean> =>
  withConnection({ ...owner, user, password }, async () => false).catch((error: unknown) => {
    // Let in by password but not yet into this database: the password is right.
    if (isCode(error, '42501')) return false;
    if (isCode(error, '28P01') || isCode(error, '28000')) return true;
    throw error;
  });

const isCode = (error: unknown, code: string): boolean => error instanceof pg.DatabaseError && error.code === code;

const refused = (owner: PostgresAddress, { user }: Role, cause: unknown): PerennialError =>
  new PerennialError('UNAVAILABLE', `The database role could not be made or mended: ${String(cause)}`, {
    field: 'role',
    value: user,
    mend: `Grant ${owner.user} CREATEROLE, or make the role by hand with the password of its setting.`,
    cause,
  });
