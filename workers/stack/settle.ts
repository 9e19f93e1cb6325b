// Databases, migrations, namespaces and search attributes for one environment, then it ends. For containers and deployments:
// `node --import tsx workers/stack/settle.ts --env prod`. `perennial up` does the same while it starts.
import { parseArgs } from 'node:util';
import { ensureDatabase } from '../../adapters/postgres/pool.ts';
import { loadEnvironment } from '../../environments/environment.ts';
import { partsOf } from './parts.ts';

const { values } = parseArgs({ options: { env: { type: 'string', default: 'dev' } } });
const environment = loadEnvironment(values.env);
const { postgres, temporal } = partsOf(environment);

await ensureDatabase(environment.postgres, environment.mlflow.database);
await postgres.settle();
await temporal.settle();
console.log(`${environment.name}: databases, migrations, namespace and search attributes are in place`);
