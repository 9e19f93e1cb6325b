// `perennial up`: what the machine lacks is fetched, then the stack is started, or found running.
import type { Command } from 'commander';
import { Listr } from 'listr2';
import { z } from 'zod';
import { PerennialError } from '../../core/errors.ts';
import {
  type Environment,
  type EnvironmentName,
  environmentNames,
  environmentsIn,
  loadEnvironment,
} from '../../environments/environment.ts';
import {
  type PartName,
  type PartReport,
  partNames,
  type StartedStack,
  setUpSteps,
  stackStatus,
  startStack,
} from '../../workers/stack/index.ts';
import { json } from '../output.ts';
import { statusTable } from './status.ts';

export const register = (program: Command): void => {
  program
    .command('up')
    .description('set this machine up where needed, and start the stack (or find it running)')
    .option('--env <names>', 'only these environments, of dev,staging,prod', environmentNames.join())
    .option('--parts <list>', `which parts, of ${partNames.join(',')}`, partNames.join(','))
    .option('--json', 'print the outcome as JSON')
    .addHelpText(
      'after',
      '\nPorts and places are settings: PERENNIAL_HOME, PERENNIAL_PORT_POSTGRES, DATABASE_URL, … (see README).',
    )
    .action(async (options: { env: string; parts: string; json?: boolean }) => {
      const environments = environmentsIn(options.env);
      const environment = loadEnvironment(environments[0]);
      const parts = parseParts(options.parts);
      const stack = await bringUp(environment, { environments, parts, silent: options.json === true });
      const status = await stackStatus(environment);
      if (options.json) json({ reused: stack.reused, ...status });
      else console.log(`\n${statusTable(status)}\n\nLogs: ${environment.home}/logs · stop with \`npx perennial down\``);
    });
};

const rendererFor = (silent: boolean): 'silent' | 'default' | 'simple' =>
  silent ? 'silent' : process.stdout.isTTY ? 'default' : 'simple';

/** Fetches and builds what the machine lacks: every native part, found again the next time. */
export const prepare = async (environment: Environment, silent = false): Promise<void> => {
  const steps = setUpSteps(environment).map(({ title, run }) => ({
    title,
    task: async (_: unknown, task: Shown) => {
      const outcome = await run((line) => (task.output = line));
      task.title = `${title} — ${outcome}`;
    },
  }));
  await new Listr(steps, { concurrent: true, renderer: rendererFor(silent) }).run();
};

interface BringUpOptions {
  /** Default: all three. */
  readonly environments?: readonly EnvironmentName[];
  readonly parts?: readonly PartName[];
  readonly silent?: boolean;
}

/** Sets up and starts, drawing progress on a terminal and plain lines elsewhere. Also for the demo. */
export const bringUp = async (
  environment: Environment,
  { environments = environmentNames, parts = partNames, silent = false }: BringUpOptions = {},
): Promise<StartedStack> => {
  await prepare(environment, silent);
  let stack: StartedStack | undefined;
  const start = async (_: unknown, task: Shown): Promise<void> => {
    const onChange = progress((line) => (task.output = line));
    stack = await startStack(environment, { environments, parts, onChange });
    task.title = stack.reused ? 'Stack — already running, reused' : 'Stack — started';
  };
  await new Listr([{ title: 'Stack', task: start }], { renderer: rendererFor(silent) }).run();
  if (stack === undefined) throw new PerennialError('UNAVAILABLE', 'The stack was not started');
  return stack;
};

interface Shown {
  title: string;
  output: string;
}

// One line that always tells the state of every part.
const progress = (show: (line: string) => void): ((part: PartReport) => void) => {
  const states = new Map<string, string>();
  return ({ name, state }) => {
    if (states.get(name) === state) return;
    states.set(name, state);
    show([...states].map(([part, at]) => `${part} ${at}`).join(' · '));
  };
};

const parseParts = (text: string): PartName[] => {
  const parsed = z
    .array(z.enum(partNames))
    .min(1)
    .safeParse(text.split(',').map((part) => part.trim()));
  if (parsed.success) return parsed.data;
  throw new PerennialError('INVALID_INPUT', 'Unknown part', {
    field: '--parts',
    value: text,
    mend: `Choose from ${partNames.join(', ')}, separated by commas.`,
  });
};
