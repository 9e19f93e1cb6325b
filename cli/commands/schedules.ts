// `perennial schedules`: what starts by itself, when next, what became of earlier times, and where Temporal differs from the files.
import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import pc from 'picocolors';
import { handleOf, scheduleIdOf } from '../../adapters/temporal/schedules.ts';
import { PerennialError } from '../../core/errors.ts';
import { type Environment, loadEnvironment } from '../../environments/environment.ts';
import { alignSchedules } from '../../workers/schedules.ts';
import { json, table } from '../output.ts';
import { type AuditedSchedule, auditSchedules } from '../schedule-audit.ts';
import { type ListedSchedule, listSchedules } from '../schedule-list.ts';
import { connect } from '../temporal-client.ts';

interface Options {
  readonly env: string;
  readonly json?: boolean;
}

export const register = (program: Command): void => {
  const schedules = program
    .command('schedules')
    .description('what starts by itself: times, last runs, pauses, and where Temporal differs from the files');
  const sub = (name: string, about: string, isDefault = false) =>
    schedules
      .command(name, { isDefault })
      .description(about)
      .option('--env <name>', 'dev, staging or prod', 'dev')
      .option('--json', 'print as JSON');
  sub('list', 'every schedule; what `perennial schedules` means', true).action((options: Options) => on(options, list));
  sub('reconcile', 'bring Temporal in line with environments/schedules, as workers do at their start').action(
    (options: Options) => on(options, reconcile),
  );
  sub('audit', 'what became of every time at which something ought to have started')
    .option('--since <time>', 'ISO time or date; default: a week ago')
    .addHelpText('after', '\nExit code 0 where every time is accounted for, 1 otherwise.')
    .action((options: Options & { since?: string }) => on(options, (place) => audit(place, options.since)));
  for (const [name, about, deed] of DEEDS) {
    sub(name, about)
      .argument('<name>', 'e.g. nightly-transform')
      .option('--note <text>', 'why; kept with the schedule')
      .action((schedule: string, options: Options & { note?: string }) =>
        on(options, (place) => act(place, schedule, options.note, deed)),
      );
  }
};

type Deed = 'trigger' | 'pause' | 'unpause';
const DEEDS: readonly (readonly [string, string, Deed])[] = [
  ['trigger', 'start it now, besides its times', 'trigger'],
  ['pause', 'let it start nothing until it is unpaused; workers that start keep the pause', 'pause'],
  ['unpause', 'let it go on', 'unpause'],
];

interface Place {
  readonly environment: Environment;
  readonly client: Client;
  readonly asJson: boolean;
}

const on = async (options: Options, work: (place: Place) => Promise<void>): Promise<void> => {
  const environment = loadEnvironment(options.env);
  const client = await connect(environment);
  try {
    await work({ environment, client, asJson: options.json === true });
  } finally {
    await client.connection.close();
  }
};

const list = async ({ environment, client, asJson }: Place): Promise<void> => {
  const rows = await listSchedules(environment, client);
  if (asJson) json(rows);
  else console.log(listing(rows));
};

const listing = (rows: readonly ListedSchedule[]): string => {
  const lines = rows.map(({ name, when, workflow, state, next, last, drift }) => ({
    name,
    when,
    starts: workflow,
    state,
    next: next[0] ?? '',
    last: last[0] ? `${last[0].at} ${last[0].status}` : '',
    drift: drift.join(', '),
  }));
  const notes = rows.filter(({ state, note }) => state === 'paused' && note !== '');
  return [table(lines), ...notes.map(({ name, note }) => pc.dim(`${name} is paused: ${note}`))].join('\n');
};

const reconcile = async ({ environment, client, asJson }: Place): Promise<void> => {
  const done = await alignSchedules(environment, client);
  if (asJson) return json(done);
  for (const [deed, names] of Object.entries(done)) {
    if (names.length > 0) console.log(`${deed.padEnd(9)} ${(names as readonly string[]).join(' · ')}`);
  }
};

const WEEK_MS = 7 * 86_400_000;

const audit = async ({ environment, client, asJson }: Place, since: string | undefined): Promise<void> => {
  const from = since === undefined ? Date.now() - WEEK_MS : Date.parse(since);
  if (Number.isNaN(from)) {
    throw new PerennialError('INVALID_INPUT', 'Not a time', {
      field: '--since',
      value: since,
      mend: 'Give an ISO time or date, such as 2026-11-01.',
    });
  }
  const audited = await auditSchedules(environment, client, from);
  if (asJson) json(audited);
  else console.log(auditText(audited));
  if (audited.some(({ accounted }) => !accounted)) process.exitCode = 1;
};

const auditText = (audited: readonly AuditedSchedule[]): string => {
  const lines = audited.map(({ name, since, expected, counts, extra, accounted }) => ({
    name,
    since,
    expected,
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    'by hand': extra,
    accounted: accounted ? 'yes' : 'NO',
  }));
  const columns = [...new Set(lines.flatMap(Object.keys))];
  const even = lines.map((line) => Object.fromEntries(columns.map((column) => [column, line[column as never] ?? 0])));
  const problems = audited.flatMap(({ name, problems: said }) =>
    said.map((problem) => pc.yellow(`${name}: ${problem}`)),
  );
  return [table(even), ...problems].join('\n');
};

const act = async (
  { environment, client, asJson }: Place,
  name: string,
  note: string | undefined,
  deed: Deed,
): Promise<void> => {
  const handle = await handleOf(client, name);
  if (deed === 'trigger') await handle.trigger();
  else await handle[deed](note ?? `${deed}d at the command line`);
  const page = `${environment.temporal.uiUrl}/namespaces/${environment.temporal.namespace}/schedules/${encodeURIComponent(scheduleIdOf(name))}`;
  if (asJson) json({ schedule: name, deed, page });
  else console.log(`${deed === 'trigger' ? 'triggered' : `${deed}d`} ${name}\n${page}`);
};
