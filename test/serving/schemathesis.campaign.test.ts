// The HTTP API under Schemathesis, the real one: what /openapi.json says is true, for every role, whatever is sent. What came of it is written
// to bench/results/schemathesis.md. `npm run campaign -- test/serving/schemathesis.campaign.test.ts`
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresApiKeys } from '../../adapters/postgres/api-keys.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { ensureVenv, venvPython } from '../../adapters/python/venv.ts';
import { apiRoles } from '../../core/api-policy.ts';
import { generateWorld, type Product, startProduct } from '../support/product.ts';

const REQUESTS = 5_000;
/** For each operation: enough that all of them together get as many requests. */
const EXAMPLES = 250;

let product: Product;
let python: string;
const found: string[] = [];

beforeAll(async () => {
  product = await startProduct({ PERENNIAL_ANONYMOUS_ROLES: 'none' });
  const { root, cache, home } = product.environment;
  const directory = path.join(cache, 'venv-fuzz');
  const requirements = path.join(root, 'adapters/python/requirements-fuzz.txt');
  await ensureVenv({ directory, requirements, onLine: (line) => console.error(line) });
  python = venvPython(directory);
  const world = await generateWorld(home, 60_000);
  await product.run('first', { path: world.path, source: 'clickstream' });
}, 600_000);
afterAll(async () => {
  await product?.stop();
  if (found.length > 0) await writeResults();
});

const keyFor = async (role: (typeof apiRoles)[number]): Promise<string> => {
  const { name, postgres, schema } = product.environment;
  const pool = openPool(postgres, { max: 1, schema });
  const made = { environment: name, name: 'fuzz', roles: [role], days: 1, by: 'test' };
  const { text } = await new PostgresApiKeys(pool).create(made);
  await pool.end();
  return text;
};

describe('the API holds to its description', () => {
  for (const role of apiRoles) {
    it(`for ${role}`, async () => {
      const { api } = product.environment;
      const authorization = `Authorization: Bearer ${await keyFor(role)}`;
      const config = path.join(import.meta.dirname, 'schemathesis.toml');
      const run = ['--config-file', config, 'run', `${api.url}/openapi.json`, '-H', authorization];
      const how = [
        '--max-examples',
        String(EXAMPLES),
        '--seed',
        '1',
        '--no-shrink',
        '--no-color',
        '--generation-database',
        'none',
      ];
      const { exitCode, stdout } = await execa(python, ['-m', 'schemathesis.cli', ...run, ...how], {
        reject: false,
        cwd: product.environment.home,
      });
      const cases = Number(/(\d[\d,]*) (?:test cases )?generated/.exec(stdout)?.[1]?.replaceAll(',', ''));
      expect(exitCode, stdout.slice(-6_000)).toBe(0);
      expect(cases).toBeGreaterThanOrEqual(REQUESTS);
      found.push(`| ${role} | ${cases} | none |`);
    });
  }
});

const writeResults = async (): Promise<void> => {
  const file = path.join(product.environment.root, 'bench', 'results', 'schemathesis.md');
  await mkdir(path.dirname(file), { recursive: true });
  const text = `# The API under Schemathesis

Every operation of \`/openapi.json\`, all checks, in dev with a trained model, by an API key of each role
(\`npm run campaign -- test/serving/schemathesis.campaign.test.ts\`).

| role | requests | findings |
|---|---|---|
${found.join('\n')}
`;
  await writeFile(file, text);
};
