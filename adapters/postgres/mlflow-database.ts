// The database that an MLflow server of our own keeps its tables in: it belongs to MLflow's role, and nobody else gets in.
import { strayOwners } from './grants.ts';
import { ensureDatabase, type PostgresAddress, withConnection } from './pool.ts';

/** Idempotent; a database made before there were roles is handed over with its tables. */
export const ensureMlflowDatabase = async (owner: PostgresAddress, place: PostgresAddress): Promise<void> => {
  await ensureDatabase(owner, place.database, place.user);
  await withConnection({ ...owner, database: place.database }, async (client) => {
    const [database, role] = [client.escapeIdentifier(place.database), client.escapeIdentifier(place.user)];
    await client.query(`
      begin;
      select pg_advisory_xact_lock(hashtextextended('perennial grants', 0));
      alter database ${database} owner to ${role};
      revoke all on database ${database} from public;
      ${(await strayOwners(client, 'public', role)).filter((line) => !line.startsWith('alter schema')).join('\n')}
      commit;`);
  });
};

/** Closes the databases that every server is born with, on a server of our own alone: on another's they are not ours to close. */
export const closeBornDatabases = (owner: PostgresAddress): Promise<void> =>
  withConnection(owner, async (client) => {
    await client.query('revoke connect on database postgres, template1 from public');
  });
