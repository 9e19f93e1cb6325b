// `perennial reconcile`: MLflow is healed from the registry, and what people changed there is told.
import { WorkflowIdConflictPolicy } from '@temporalio/client';
import type { Command } from 'commander';
import pc from 'picocolors';
import { type ReconcileInput, type ReconcileResult, sentenceOf } from '../../core/reconcile.ts';
import { loadEnvironment } from '../../environments/environment.ts';
import { queues } from '../../workflows/names.ts';
import { json } from '../output.ts';
import { connect } from '../temporal-client.ts';

interface Options {
  readonly env: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export const register = (program: Command): void => {
  program
    .command('reconcile')
    .description('heal MLflow from the registry; exit 3 if somebody changed it by hand')
    .option('--env <name>', 'dev, staging or prod', 'dev')
    .option('--dry-run', 'only tell what would be done')
    .option('--json', 'print the result as JSON')
    .action(async (options: Options) => {
      const result = await reconcileNow(options);
      options.json ? json(result) : print(result);
      process.exitCode = result.handMade > 0 ? 3 : 0;
    });
};

/** One at a time an environment: whoever asks while one runs gets its answer. */
const reconcileNow = async ({ env, dryRun = false }: Options): Promise<ReconcileResult> => {
  const client = await connect(loadEnvironment(env));
  try {
    return await client.workflow.execute<(input: ReconcileInput) => Promise<ReconcileResult>>('reconcile', {
      workflowId: dryRun ? 'reconcile/dry-run' : 'reconcile',
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      taskQueue: queues.light,
      args: [{ dryRun }],
    });
  } finally {
    await client.connection.close();
  }
};

const print = ({ status, dryRun, models, versions, findings, lost, handMade }: ReconcileResult): void => {
  for (const finding of findings)
    console.log(`${finding.kind === 'lost' ? pc.yellow('•') : pc.red('✘')} ${sentenceOf(finding)}`);
  const more = lost + handMade - findings.length;
  if (more > 0) console.log(pc.dim(`… ${more} more in mlflow_findings`));
  const mark = handMade > 0 ? pc.red('✘') : pc.green('✔');
  console.log(`${mark} ${status}: ${models} models, ${versions} versions${dryRun ? ' (nothing was changed)' : ''}`);
};
