// The demo's way up: staging and prod bring in the same events by themselves, and are asked to take the model that dev trained.
import pc from 'picocolors';
import { PerennialError } from '../core/errors.ts';
import type { PromotionResult } from '../core/promotion/messages.ts';
import type { RunInput } from '../core/run.ts';
import { type Environment, type EnvironmentName, loadEnvironment } from '../environments/environment.ts';
import { send } from './commands/approve.ts';
import { startRun } from './commands/run.ts';
import { championBelow, followPromotion, modelOf, osUser, resultText, startPromotion } from './promotion.ts';
import { connect } from './temporal-client.ts';

/** Prod asks for the word of somebody else than who asks; in the demo this one gives it, and it stays on record. */
const APPROVER = 'demo-approver';

export const heading = (environment: EnvironmentName, does: string): void =>
  console.error(`\n${pc.bold(environment)} ${pc.dim(does)}`);

/** What came of it in each environment, in words. Throws where one refuses. */
export const promoteUpwards = async (model: string, input: RunInput): Promise<string[]> => {
  const said: string[] = [];
  for (const name of ['staging', 'prod'] as const) {
    heading(name, name === 'prod' ? `its own data; ${APPROVER} approves` : 'its own data');
    const environment = loadEnvironment(name);
    await startRun(environment, { ...input, train: false }, { quiet: true });
    const result = await promoteTo(environment, model);
    if (result.status !== 'promoted')
      throw new PerennialError('CONFLICT', `${name} refuses the model\n${resultText(result)}`);
    said.push(resultText(result));
  }
  return said;
};

const promoteTo = async (environment: Environment, model: string): Promise<PromotionResult> => {
  const version = await championBelow(environment, undefined, model);
  const client = await connect(environment);
  try {
    const asked = { ...modelOf(model), to: environment.name, version, by: osUser() };
    const handle = await startPromotion(client, `promote/${model}/${environment.name}/${version}`, asked);
    const shown = new Map<string, string>();
    let followed = await followPromotion(handle, { toTheEnd: false, quiet: false, shown });
    while (!followed.ended) {
      const evidence = followed.view.evidence === null ? {} : { evidence: followed.view.evidence };
      await send(client, handle, 'approve', { by: APPROVER, why: 'the demo shows the whole way', ...evidence });
      followed = await followPromotion(handle, { toTheEnd: true, quiet: false, shown });
    }
    return followed.result;
  } finally {
    await client.connection.close();
  }
};
