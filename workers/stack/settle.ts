// Roles, databases, migrations, grants, namespaces and search attributes, then it ends. For containers and deployments:
// `node --import tsx workers/stack/settle.ts --env dev,staging,prod`. `perennial up` does the same while it starts.
import { parseArgs } from 'node:util';
import { environmentsIn, loadEnvironment } from '../../environments/environment.ts';
import { partsOf } from './parts.ts';
import { prepareWalls } from './prepare.ts';

const { values } = parseArgs({ options: { env: { type: 'string', default: 'dev' } } });
const [first, ...more] = environmentsIn(values.env);
const environment = loadEnvironment(first);

// An MLflow given by its address may well be the one beside us, which waits for its database.
await prepareWalls(environment, 'with MLflow');
await partsOf(environment, [first, ...more]).temporal.settle();
console.log(`${values.env}: roles, databases, migrations, grants, namespaces and search attributes are in place`);
