// The HTTP API under Schemathesis, the real one: what /openapi.json says is true, for every role, whatever is sent. What came of it is written
// to bench/results/schemathesis.md, a row a role. `npm run campaign -- test/serving/schemathesis.campaign.test.ts`, or a role at a time: `-t viewer`.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openPool } from '../../adapters/postgres/pool.ts';
import { ensureVenv, venvPython } from '../../adapters/python/venv.ts';
import { makeToken } from '../../cli/api-token.ts';
import { type ApiRole, apiRoles } from '../../core/api-policy.ts';
import { chainsOf } from '../../serving/access/anchor.ts';
import { verifyAll } from '../../serving/access/desks.ts';
import { generateWorld, type Product, startProduct } from '../support/product.ts';

const REQUESTS = 5_000;
/** For each operation: enough that all of them together get as many requests. */
const EXAMPLES = 250;

/** What Schemathesis says of a run. */
const Verdict = z.object({
  schemathesis_version: z.string(),
  seed: z.int(),
  running_time: z.number(),
  complete: z.literal(true),
  operations: z.object({ total: z.int(), tested: z.int(), errored: z.int() }),
  test_cases: z.object({ generated: z.int(), with_failures: z.int(), without_checks: z.int(), errored: z.int() }),
  failures: z.array(z.object({ title: z.string(), count: z.int(), operations: z.unknown() })),
  errors: z.array(z.unknown()),
});
type Verdict = z.infer<typeof Verdict>;

const Logged = z.object({ written: z.int(), dropped: z.int() });
const Health = z.object({ prediction_log: Logged, read_log: Logged });

let product: Product;
let python: string;
const found = new Map<string, Verdict>();

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
  if (found.size > 0) await writeResults();
  await product?.stop();
});

/** A run of all checks; which of them mean nothing here stands in schemathesis.toml, which an option would overrule. */
const fuzz = async (role: ApiRole): Promise<{ readonly verdict: Verdict; readonly told: string }> => {
  const { api, home } = product.environment;
  // A token and no key: keys can be ended over HTTP, and whoever tries everything would end his own.
  const token = await makeToken(product.environment, { roles: [role], seconds: 3_600 });
  const authorization = `Authorization: Bearer ${token}`;
  const report = path.join(home, `schemathesis-${role}.json`);
  const config = path.join(import.meta.dirname, 'schemathesis.toml');
  const run = ['--config-file', config, 'run', `${api.url}/openapi.json`, '-H', authorization];
  const how = ['--max-examples', String(EXAMPLES), '--seed', '1', '--no-shrink', '--no-color'];
  const told = ['--generation-database', 'none', '--report', 'json', '--report-json-path', report];
  const { stdout } = await execa(python, ['-m', 'schemathesis.cli', ...run, ...how, ...told], {
    reject: false,
    cwd: home,
  });
  return { verdict: Verdict.parse(JSON.parse(await readFile(report, 'utf8'))), told: stdout };
};

describe('the API holds to its description', () => {
  for (const role of apiRoles) {
    it(`for ${role}`, async () => {
      const { verdict, told } = await fuzz(role);
      expect(verdict.failures, told.slice(-12_000)).toEqual([]);
      expect(verdict.errors, told.slice(-12_000)).toEqual([]);
      expect(verdict.operations).toMatchObject({ tested: verdict.operations.total, errored: 0 });
      expect(verdict.test_cases.generated).toBeGreaterThanOrEqual(REQUESTS);
      await recorded();
      found.set(role, verdict);
    });
  }
});

/** Whatever was sent, every answer and every read is on record, and the record holds. */
const recorded = async (): Promise<void> => {
  const { api, postgres, schema, keys, name } = product.environment;
  const health = Health.parse(await (await fetch(`${api.url}/health`)).json());
  expect(health).toMatchObject({ prediction_log: { dropped: 0 }, read_log: { dropped: 0 } });
  expect(health.read_log.written).toBeGreaterThan(0);
  const pool = openPool(postgres, { max: 1, schema });
  const { changes, reads } = await verifyAll(chainsOf(pool, keys, name), new Date());
  await pool.end();
  expect([...changes.faults, ...reads.faults]).toEqual([]);
};

const rowOf = (role: string, { test_cases: cases, operations, running_time: took }: Verdict): string =>
  `| ${role} | ${cases.generated} | ${operations.tested} of ${operations.total} | ${cases.with_failures} | ${Math.round(took)} s |`;

/** Rows of roles that were not asked today stay. */
const writeResults = async (): Promise<void> => {
  const file = path.join(product.environment.root, 'bench', 'results', 'schemathesis.md');
  await mkdir(path.dirname(file), { recursive: true });
  const before = (await readFile(file, 'utf8').catch(() => '')).split('\n');
  const rows = apiRoles.flatMap((role) => {
    const verdict = found.get(role);
    return verdict ? [rowOf(role, verdict)] : before.filter((line) => line.startsWith(`| ${role} |`));
  });
  const [any] = found.values();
  const text = `# The API under Schemathesis

Every operation of \`/openapi.json\`, by a token of each role, in dev with a trained model (Schemathesis ${any?.schemathesis_version}, seed ${any?.seed}, ${EXAMPLES} examples
an operation, coverage, fuzzing and stateful phases):
\`npm run campaign -- test/serving/schemathesis.campaign.test.ts\`, or a role at a time with \`-t <role>\`.

| role | requests | operations | findings | took |
|---|---|---|---|---|
${rows.join('\n')}

All of its checks: no 5xx but 503; status, content type, headers and body as described; what breaks the schema is refused; no other methods;
credentials are asked for wherever the document says so; what was deleted stays deleted. One is off where a schema cannot say what is meant:
that all schema-valid requests be accepted by \`/infer\` and \`/push\` (names of features, shapes, moments) and by \`/oauth/token\` (grants).
After each role the logs of predictions and reads had dropped nothing, and the audit's two chains held.
`;
  await writeFile(file, text);
};
