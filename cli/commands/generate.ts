// `perennial generate`: writes a shop's events with a planted truth, of any size, as daily files.
import type { Command } from 'commander';
import pc from 'picocolors';
import { type GenerateOptions, generateEvents } from '../../activities/generate.ts';
import { PerennialError } from '../../core/errors.ts';
import { count, json, seconds } from '../output.ts';

const USE_CASES = ['ecommerce-intelligence'];

interface Flags {
  readonly rows: number;
  readonly seed: number;
  readonly out: string;
  readonly format: NonNullable<GenerateOptions['format']>;
  readonly days?: number;
  readonly from?: string;
  readonly faults?: string;
  readonly cuts?: string;
  readonly threads?: number;
  readonly json?: boolean;
}

export const register = (program: Command): void => {
  program
    .command('generate')
    .description('write generated events, marketing touchpoints and the planted truth to a folder')
    .argument('<use-case>', USE_CASES.join(', '))
    .requiredOption('--rows <n>', 'good events to write', Number)
    .requiredOption('--out <dir>', 'folder for the daily files; truth/ beside them is never ingested')
    .option('--seed <n>', 'same seed, same bytes', Number, 42)
    .option('--format <format>', 'csv, csv.gz or parquet', 'csv')
    .option('--days <n>', 'days to cover (default 152)', Number)
    .option('--from <date>', 'first day (default 2019-07-02)')
    .option('--faults <list>', 'e.g. malformed=0.01,duplicates=0.002,late=0.01,drift=2019-10-01')
    .option('--cuts <dates>', 'dates for which the oracle is written (default: 30 days before the end)')
    .option('--threads <n>', 'threads of DuckDB (default: all)', Number)
    .option('--json', 'print the result as JSON')
    .action(generate);
};

const generate = async (useCase: string, { faults, cuts, json: asJson, ...flags }: Flags): Promise<void> => {
  if (!USE_CASES.includes(useCase))
    throw new PerennialError('UNKNOWN_NAME', 'No generator for this use case', {
      field: 'use-case',
      value: useCase,
      mend: `Choose ${USE_CASES.join(' or ')}`,
    });
  const begun = Date.now();
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(new Error('Interrupted'));
  process.once('SIGINT', interrupt);
  try {
    const result = await generateEvents(
      {
        ...flags,
        ...(faults === undefined ? {} : { faults: parseFaults(faults) }),
        ...(cuts === undefined ? {} : { cuts: cuts.split(',') }),
      },
      { signal: stop.signal, onProgress: ({ done, total }) => progressLine(done, total, Date.now() - begun) },
    );
    clearLine();
    if (asJson) return json(result);
    const rate = count(Math.round(result.rows / result.seconds));
    console.log(
      `${pc.green('✔')} ${count(result.rows)} events of ${count(result.users)} users, ${result.from} to ${result.to}, in ${result.files} daily files ` +
        pc.dim(`${seconds(result.seconds * 1000)}, ${rate} rows/s`),
    );
    console.log(`  events ${flags.out}/events-*.${flags.format}\n  truth  ${result.truth.document}`);
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
};

/** `malformed=0.01,drift=2019-10-01` as options; unknown names are refused where the options are parsed. */
export const parseFaults = (text: string): Record<string, number | string> =>
  Object.fromEntries(
    text.split(',').map((part) => {
      const [name = '', value = ''] = part.split('=');
      return [name.trim(), name.trim() === 'drift' ? value.trim() : Number(value || Number.NaN)];
    }),
  );

const progressLine = (done: number, total: number, elapsedMs: number): void => {
  if (!process.stderr.isTTY || done === 0) return;
  const rate = (done / elapsedMs) * 1000;
  const left = seconds(((total - done) / rate) * 1000);
  process.stderr.write(
    `\r\x1b[2K  ${pc.cyan('▶')} ${count(done)} of ${count(total)} events · ${count(Math.round(rate))} rows/s · ${left} left`,
  );
};

const clearLine = (): void => {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K');
};
