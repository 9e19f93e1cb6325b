// Promotions as the command line sees them: started or joined by a readable id, followed until they end or wait, told in exit codes.
import { userInfo } from 'node:os';
import { type Client, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import pc from 'picocolors';
import { openPool } from '../adapters/postgres/pool.ts';
import { PostgresPromotions, type Promotion } from '../adapters/postgres/promotions.ts';
import { PostgresRegistry } from '../adapters/postgres/registry.ts';
import { lowerOf } from '../core/access.ts';
import { PerennialError } from '../core/errors.ts';
import type { PromoteInput, PromotionResult, PromotionView } from '../core/promotion/messages.ts';
import type { RunProgress } from '../core/run.ts';
import { type Environment, isEnvironmentName, siblingOf } from '../environments/environment.ts';
import { queues } from '../workflows/names.ts';
import { ignoreAbsent, printStages } from './follow.ts';

const EVERY_MS = 250;
const PATIENCE_MS = 20_000;

export type PromoteHandle = WorkflowHandle<(input: PromoteInput) => Promise<PromotionResult>>;

/** Who is asking, as far as this machine knows. */
export const osUser = (): string => userInfo().username;

/** `<use case>/<model>`, taken apart. */
export const modelOf = (text: string): { useCase: string; model: string } => {
  const [useCase = '', model = '', ...rest] = text.split('/');
  if (useCase !== '' && model !== '' && rest.length === 0) return { useCase, model };
  throw new PerennialError('INVALID_INPUT', 'Expected <use-case>/<model>', {
    field: 'model',
    value: text,
    mend: 'For example ecommerce-intelligence/propensity',
  });
};

/** The environment that a promotion's id names, the last part but one. */
export const environmentOf = (id: string): string => {
  const found = id.split('/').find((part, index) => index > 0 && isEnvironmentName(part));
  if (found !== undefined) return found;
  throw new PerennialError('INVALID_INPUT', 'This id names no environment', {
    field: 'promotion',
    value: id,
    mend: 'Take it from `perennial promotions --env <name>`',
  });
};

/** The registry and the promotions of an environment, read with a developer's rights. */
export const withRegistry = async <T>(
  environment: Environment,
  work: (registry: PostgresRegistry, promotions: PostgresPromotions) => Promise<T>,
): Promise<T> => {
  const pool = openPool(environment.developer, { max: 2, schema: environment.schema });
  try {
    return await work(new PostgresRegistry(pool), new PostgresPromotions(pool));
  } finally {
    await pool.end();
  }
};

/** The champion of the environment below. */
export const championBelow = async (
  environment: Environment,
  from: string | undefined,
  model: string,
): Promise<number> => {
  const below = from ?? lowerOf(environment.name);
  if (below === undefined || !isEnvironmentName(below)) {
    throw new PerennialError('INVALID_INPUT', 'There is no environment below', {
      field: 'to',
      value: environment.name,
    });
  }
  const champion = await withRegistry(siblingOf(environment, below), (registry) => registry.champion(model));
  if (champion) return champion.version;
  throw new PerennialError('NOTHING_TO_DO', `${below} has no champion of ${model}`, {
    mend: `Run or promote there first, or name a version with --version`,
  });
};

/** Starts a promotion; one that runs under that id already is joined. */
export const startPromotion = (client: Client, workflowId: string, input: PromoteInput): Promise<PromoteHandle> =>
  client.workflow.start<(given: PromoteInput) => Promise<PromotionResult>>('promote', {
    workflowId,
    taskQueue: queues.light,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: `${input.useCase}/${input.model} version ${input.version} → ${input.to}, asked for by ${input.by}`,
  });

export type Followed =
  | { readonly ended: true; readonly result: PromotionResult }
  | { readonly ended: false; readonly view: PromotionView };

export interface Following {
  readonly toTheEnd: boolean;
  readonly quiet: boolean;
  /** Stages that were told already, where a promotion is followed a second time. */
  readonly shown?: Map<string, string>;
}

/** Follows a promotion until it ends or, unless `toTheEnd`, until it waits for people. Stages go to stderr unless `quiet`. */
export const followPromotion = async (
  handle: PromoteHandle,
  { toTheEnd, quiet, shown = new Map() }: Following,
): Promise<Followed> => {
  const begun = Date.now();
  let hinted = false;
  // Looked at again and again rather than waited for: a pending answer would keep this process alive after it has said its word.
  while ((await handle.describe()).status.name === 'RUNNING') {
    const view = await handle.query<PromotionView, []>('promotion').catch(ignoreAbsent);
    if (!quiet) await showStages(handle, shown);
    if (view?.state === 'waiting' && view.expiresAt !== null && !toTheEnd) return { ended: false, view };
    if (view === undefined && !hinted && Date.now() - begun > PATIENCE_MS) {
      hinted = true;
      console.error(pc.yellow('no worker answers yet; the request is kept until one does (`perennial up`)'));
    }
    await new Promise((next) => setTimeout(next, EVERY_MS));
  }
  const result = await handle.result();
  if (!quiet) await showStages(handle, shown);
  return { ended: true, result };
};

const showStages = async (handle: PromoteHandle, shown: Map<string, string>): Promise<void> => {
  const progress = await handle.query<RunProgress, []>('progress').catch(ignoreAbsent);
  if (progress) printStages(progress, shown);
};

/** 0 done, 3 refused: by a gate, by a person, by the clock, or by a rival who was first. */
export const exitCodeOf = ({ status }: PromotionResult): number =>
  status === 'promoted' || status === 'passed' ? 0 : 3;

export const resultText = (result: PromotionResult): string => {
  const { status, model, from, to, reasons, headline } = result;
  const mark = exitCodeOf(result) === 0 ? pc.green('✔') : pc.red('✘');
  const number = to.version === null ? '' : ` as version ${to.version}`;
  const instead = to.replaced === null ? '' : `, instead of version ${to.replaced}`;
  const head = `${mark} ${model} version ${from.version} of ${from.environment} → ${to.environment}: ${pc.bold(status)}${number}${instead}`;
  return [
    head,
    ...(headline === '' ? [] : [`  ${pc.dim(headline)}`]),
    ...reasons.map((reason) => `  - ${reason}`),
  ].join('\n');
};

export const waitingText = ({ id, headline, evidence, request, expiresAt }: PromotionView): string =>
  [
    `${pc.yellow('▶')} ${id} waits for ${request?.approvals ?? 1} approval by somebody other than ${request?.by} until ${expiresAt ?? '?'}`,
    `  ${pc.dim(headline)}`,
    `  perennial approve ${id} --why "…" --evidence ${evidence?.slice(0, 12)}`,
    `  perennial reject  ${id} --why "…"`,
  ].join('\n');

/** The newest attempt under an id. */
export const promotionNamed = async (environment: Environment, id: string): Promise<Promotion> => {
  const [found] = await withRegistry(environment, (_, promotions) => promotions.list({ id, limit: 1 }));
  if (found) return found;
  throw new PerennialError('UNKNOWN_NAME', 'No such promotion', {
    field: 'promotion',
    value: id,
    mend: `\`perennial promotions --env ${environment.name}\` lists them`,
  });
};

export const isGone = (error: unknown): boolean => error instanceof WorkflowNotFoundError;
