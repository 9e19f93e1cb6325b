// Runs the statements of a JSON file in our DuckDB session and prints seconds by part: our side of the SQL bench.
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDb } from '../adapters/duckdb/session.ts';

const scene = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const db = await DuckDb.open({
  threads: scene.threads,
  memoryLimit: scene.memoryLimit,
  tempDirectory: path.join(tmpdir(), 'perennial-bench'),
});
const seconds: Record<string, number> = {};
for (const { part, sql } of scene.statements) {
  const begun = performance.now();
  await db.run(sql);
  seconds[part] = (seconds[part] ?? 0) + (performance.now() - begun) / 1000;
}
db.close();
seconds.total = Object.values(seconds).reduce((a, b) => a + b, 0);
console.log(JSON.stringify(seconds));
