// `perennial approve` and `perennial reject`: a person's word on a promotion that waits, kept with name, reason and time.
import { type Client, WorkflowUpdateFailedError } from '@temporalio/client';
import type { Command } from 'commander';
import pc from 'picocolors';
import { PerennialError } from '../../core/errors.ts';
import type { DecisionInput, DecisionReply } from '../../core/promotion/messages.ts';
import { loadEnvironment } from '../../environments/environment.ts';
import { json } from '../output.ts';
import {
  environmentOf,
  exitCodeOf,
  followPromotion,
  isGone,
  osUser,
  type PromoteHandle,
  promotionNamed,
  resultText,
} from '../promotion.ts';
import { connect } from '../temporal-client.ts';

const ANSWER_MS = 30_000;

interface Options {
  readonly why?: string;
  readonly by: string;
  readonly evidence?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
}

export const register = (program: Command): void => {
  command(program, 'approve', 'say yes to a promotion that waits').option('--why <text>', 'why, for the record');
  command(program, 'reject', 'say no to a promotion that waits').requiredOption('--why <text>', 'why, for the record');
};

const command = (program: Command, verb: 'approve' | 'reject', description: string): Command =>
  program
    .command(verb)
    .description(description)
    .argument(
      '<promotion>',
      'its id, e.g. promote/ecommerce-intelligence/propensity/prod/3; see `perennial promotions`',
    )
    .option('--by <name>', 'who decides (default: the user of this machine); not whoever asked', osUser())
    .option('--evidence <hash>', 'the evidence that was looked at; refused if it has changed since')
    .option('--wait', 'block until the promotion has ended; exit 0 promoted, 3 refused')
    .option('--json', 'print the answer as JSON')
    .addHelpText(
      'after',
      '\nA second word on the same evidence changes nothing. Where the evidence has changed, people are asked again.',
    )
    .action((id: string, options: Options) => decide(verb, id, options));

const decide = async (verb: 'approve' | 'reject', id: string, options: Options): Promise<void> => {
  const environment = loadEnvironment(environmentOf(id));
  const client = await connect(environment);
  try {
    const { by, why, evidence } = options;
    const given = { by, ...(why === undefined ? {} : { why }), ...(evidence === undefined ? {} : { evidence }) };
    const handle: PromoteHandle = client.workflow.getHandle(id);
    const reply = await send(client, handle, verb, given).catch(async (error: unknown): Promise<DecisionReply> => {
      if (!isGone(error)) throw error;
      const { state } = await promotionNamed(environment, id);
      return { recorded: false, message: `it is ${state} already: nothing changed` };
    });
    options.json ? json(reply) : console.log(`${reply.recorded ? pc.green('✔') : pc.dim('–')} ${id}: ${reply.message}`);
    if (!options.wait) return;
    const followed = await followPromotion(handle, { toTheEnd: true, quiet: options.json === true });
    if (!followed.ended) return;
    options.json ? json(followed.result) : console.log(resultText(followed.result));
    process.exitCode = exitCodeOf(followed.result);
  } finally {
    await client.connection.close();
  }
};

/** An update is heard by a worker or by nobody: where none answers, nothing was recorded. */
export const send = async (
  client: Client,
  handle: PromoteHandle,
  verb: 'approve' | 'reject',
  given: DecisionInput,
): Promise<DecisionReply> => {
  try {
    return await client.withDeadline(Date.now() + ANSWER_MS, () =>
      handle.executeUpdate<DecisionReply, [DecisionInput]>(verb, { args: [given] }),
    );
  } catch (error) {
    if (isGone(error)) throw error;
    if (error instanceof WorkflowUpdateFailedError) {
      throw new PerennialError('CONFLICT', error.cause?.message ?? error.message, { cause: error });
    }
    throw new PerennialError('UNAVAILABLE', 'No worker answers: nothing is known to be recorded', {
      field: 'promotion',
      value: handle.workflowId,
      mend: 'Start one with `perennial up` and decide again; a second word changes nothing',
      cause: error,
    });
  }
};
