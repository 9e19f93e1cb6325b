// `perennial sql`: a read-only look into the lake, now or at an earlier snapshot.
import type { Command } from 'commander';
import { loadEnvironment } from '../../environments/environment.ts';
import { type Reader, readerOption, withReadOnlyLake } from '../lake.ts';
import { json, table } from '../output.ts';

export const register = (program: Command): void => {
  program
    .command('sql')
    .description('run a select over the lake, read-only: perennial sql "select * from gold.rfm limit 5"')
    .argument('<select>', 'DuckDB SQL over bronze.*, silver.*, gold.*, features.*')
    .option('--env <name>', 'dev, staging or prod', 'dev')
    .addOption(readerOption())
    .option('--at <snapshot>', 'as the lake stood at this snapshot', Number)
    .option('--limit <n>', 'rows to show', Number, 50)
    .option('--json', 'print all rows as JSON')
    .action(
      async (select: string, options: { env: string; as: Reader; at?: number; limit: number; json?: boolean }) => {
        const environment = loadEnvironment(options.env);
        const rows = await withReadOnlyLake(environment, options.at, (lake) => lake.db.rows(select), options.as);
        options.json ? json(rows) : console.log(table(rows, options.limit));
      },
    );
};
