// `perennial status`: how each part of the stack does, asked at this moment.
import type { Command } from 'commander';
import pc from 'picocolors';
import { environmentsIn, loadEnvironment } from '../../environments/environment.ts';
import { type PartStatus, type StackStatus, stackStatus } from '../../workers/stack/index.ts';
import { json, table } from '../output.ts';

export const register = (program: Command): void => {
  program
    .command('status')
    .description('show each part of the stack: state, process, address, memory')
    .option('--env <names>', 'fail unless these environments are served')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExit code 0 where every part is up, 1 otherwise.')
    .action(async (options: { env?: string; json?: boolean }) => {
      const wanted = options.env === undefined ? [] : environmentsIn(options.env);
      const status = await stackStatus(loadEnvironment('dev'));
      const absent = wanted.filter((name) => !status.environments.includes(name));
      options.json ? json(status) : console.log(statusTable(status));
      if (absent.length > 0) console.error(pc.yellow(`Not served: ${absent.join(', ')}`));
      if (status.state !== 'up' || absent.length > 0) process.exitCode = 1;
    });
};

/** The status for people. */
export const statusTable = ({ state, home, parts }: StackStatus): string => {
  if (state === 'down') return `The stack is down (${home}). Start it with \`npx perennial up\`.`;
  const problems = parts.flatMap(({ part, state: at, problem }) =>
    at === 'up' || !problem ? [] : [`${part}: ${problem}`],
  );
  return [table(parts.map(row)), ...problems.map((line) => pc.yellow(line))].join('\n');
};

const row = ({ part, state, pid, address, version, memoryBytes, restarts }: PartStatus) => ({
  part,
  state,
  pid: pid ?? '',
  memory: memoryBytes === undefined ? '' : `${Math.round(memoryBytes / 2 ** 20)} MB`,
  restarts,
  version: version ?? '',
  address,
});
