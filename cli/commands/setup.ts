// `perennial setup`: what the machine lacks is fetched or built, and nothing is started. For images and before tests.
import type { Command } from 'commander';
import { loadEnvironment } from '../../environments/environment.ts';
import { prepare } from './up.ts';

export const register = (program: Command): void => {
  program
    .command('setup')
    .description('fetch or build the native parts (Python wheels, Temporal CLI, Postgres cluster); starts nothing')
    .action(() => prepare(loadEnvironment('dev')));
};
