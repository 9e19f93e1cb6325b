// The wholesaler's way through the product: invoices in, a model of repurchase, an answer, and why it was so, down to the line of a file.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomStream } from '../../core/random.ts';
import type { RunSummary } from '../../core/run.ts';
import { childVariables, settingsOf } from '../../environments/environment.ts';
import { type Product, startProduct } from '../support/product.ts';

const CUSTOMERS = 400;
const DAYS = 374;
const FIRST_DAY = Date.UTC(2010, 11, 1);
const HEADER = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';

/** Invoices in the columns of UCI's "Online Retail": customers with rhythms of their own, lines without a customer, credit notes. */
const invoiceFiles = (): ReadonlyMap<string, string> => {
  const random = randomStream(42);
  const lines: { readonly at: number; readonly text: string }[] = [];
  let invoice = 536_365;
  for (let customer = 0; customer < CUSTOMERS; customer += 1) {
    const rhythm = 8 + random() * 90;
    for (let day = random() * rhythm; day < DAYS; day += rhythm * (0.4 + 1.2 * random())) {
      const at = FIRST_DAY + Math.floor(day) * 86_400_000 + (8 + Math.floor(random() * 9)) * 3_600_000;
      const moment = new Date(at).toISOString().slice(0, 19).replace('T', ' ');
      const number = String(invoice);
      invoice += 1;
      for (let line = 0; line < 3; line += 1) {
        const stock = 20_000 + Math.floor(random() * 300);
        const [quantity, price] = [1 + Math.floor(random() * 24), (0.5 + random() * 9).toFixed(2)];
        const nobody = line === 2 && random() < 0.2;
        const credit = line === 1 && random() < 0.05;
        const cells = [
          credit ? `C${number}` : number,
          stock,
          `"ARTICLE ${stock}, BOXED"`,
          credit ? -quantity : quantity,
          moment,
          price,
          nobody ? '' : 12_000 + customer,
          'United Kingdom',
        ];
        lines.push({ at, text: cells.join(',') });
      }
    }
  }
  const months = new Map<string, string[]>();
  for (const { at, text } of lines.toSorted((a, b) => a.at - b.at)) {
    const file = `invoices-${new Date(at).toISOString().slice(0, 7)}.csv`;
    months.set(file, [...(months.get(file) ?? [HEADER]), text]);
  }
  return new Map([...months].map(([file, rows]) => [file, `${rows.join('\n')}\n`]));
};

let product: Product;
let folder: string;
let summary: RunSummary;
const files = invoiceFiles();

beforeAll(async () => {
  product = await startProduct();
  folder = path.join(product.environment.home, 'invoices');
  mkdirSync(folder);
  for (const [name, text] of files) writeFileSync(path.join(folder, name), text);
  summary = await product.run('invoices', { path: folder, source: 'invoices' });
}, 600_000);
afterAll(async () => product?.stop());

const predict = async (url: string): Promise<{ status: number; body: Record<string, unknown> }> => {
  const response = await fetch(`${product.environment.api.url}/predict/repurchase/${url}`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
const perennial = (...args: readonly string[]) =>
  execa('node', ['cli/perennial.mjs', ...args], {
    cwd: product.environment.root,
    env: childVariables(settingsOf(product.environment)),
    extendEnv: false,
    reject: false,
  });
const why = async (id: unknown) => {
  const ran = await perennial('why', String(id), '--lines', '3', '--json');
  return { exit: ran.exitCode, told: ran.exitCode === 0 ? JSON.parse(ran.stdout) : ran.stderr };
};

describe('invoices', () => {
  it('become a model that answers', async () => {
    const rows = [...files.values()].reduce((sum, text) => sum + text.split('\n').length - 2, 0);
    expect(summary.ingest).toMatchObject({ rowsIn: rows, loaded: rows, quarantined: 0 });
    expect(summary.models).toMatchObject([{ model: 'repurchase', version: 1, champion: true }]);
    await expect.poll(async () => (await predict('12007')).status).toBe(200);
  });

  it.each(['', '?precomputed=true'])(
    'answer why%s: features, lines of files, model, who let it answer',
    async (query) => {
      const { body } = await predict(`12007${query}`);
      expect(body).toMatchObject({ cold_start: false, source: query === '' ? 'computed' : 'precomputed' });
      await expect.poll(async () => (await why(body.prediction_id)).exit).toBe(0);
      const { told } = await why(body.prediction_id);
      expect(told).toMatchObject({
        prediction: { entity: '12007', model: 'repurchase', probability: body.probability, features: body.features },
        features: { table: 'features.customer_daily', by: 'invoices/transform' },
        lines: { table: 'bronze.invoices' },
        model: { version: 1, run: expect.any(String), signature: { verified: true } },
        approval: { champion: { by: 'invoices/train/repurchase' } },
      });
      const all = [...files].flatMap(([file, text]) =>
        text.split('\n').flatMap((line, i) => (line.includes(',12007,') ? [{ file, line: i + 1, text: line }] : [])),
      );
      const before = all.filter(
        ({ text }) => (text.match(/\d{4}-\d\d-\d\d [\d:]{8}/)?.[0] ?? '') < String(body.feature_time).replace('T', ' '),
      );
      expect(told.lines.lines).toBe(before.length);
      expect(told.lines.newest).toHaveLength(3);
      const newest = before
        .toSorted((a, b) => (b.file < a.file ? -1 : b.file > a.file ? 1 : b.line - a.line))
        .slice(0, 3);
      const found = told.lines.newest.map(({ file, line }: { file: string; line: number }) => {
        return readFileSync(path.join(folder, file), 'utf8').split('\n')[line - 1];
      });
      expect(found.toSorted()).toEqual(newest.map(({ text }) => text).toSorted());
      const { stdout: page } = await perennial('why', String(body.prediction_id), '--lines', '3');
      const [first] = told.lines.newest;
      expect(page).toContain(`${first.file}:${first.line} `);
      expect(page).toContain('features.customer_daily at snapshot');
    },
  );
});
