// The border between people and a promotion: the input checked and completed, the version found, and the request written down.
import { z } from 'zod';
import { PostgresPromotions } from '../../adapters/postgres/promotions.ts';
import { PostgresRegistry } from '../../adapters/postgres/registry.ts';
import type { ArtifactStore } from '../../core/artifact.ts';
import { PerennialError } from '../../core/errors.ts';
import type { PromoteInput, PromotionRequest } from '../../core/promotion/messages.ts';
import { defaultPatience } from '../../core/promotion/reminders.ts';
import { isOver } from '../../core/promotion/states.ts';
import { useCaseNamed } from '../../core/use-case.ts';
import type { Deps, Lower } from '../deps.ts';
import type { Frame } from '../heartbeat.ts';
import { parsed } from '../parsed.ts';

const name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/);
const person = z.string().trim().min(1).max(100);
const seconds = z
  .number()
  .positive()
  .max(366 * 86_400);

const promoteInput = z.strictObject({
  useCase: name.default('ecommerce-intelligence'),
  model: name.optional(),
  to: name.optional(),
  from: name.optional(),
  version: z.int().positive().optional(),
  by: person.optional(),
  dryRun: z.boolean().default(false),
  score: z.boolean().default(true),
  remindAfterSeconds: seconds.default(defaultPatience.remindAfterSeconds),
  escalateAfterSeconds: seconds.default(defaultPatience.escalateAfterSeconds),
  expireAfterSeconds: seconds.default(defaultPatience.expireAfterSeconds),
  lostAfterSeconds: z.int().min(2).max(3_600).optional(),
});

const EXAMPLE: PromoteInput = { useCase: 'ecommerce-intelligence', model: 'propensity', by: 'alice' };

/** Input as typed, or every problem with it at once. */
export const parseInput = <T>(schema: z.ZodType<T>, input: unknown, example: object): T =>
  parsed(schema, input ?? {}, `A valid input: ${JSON.stringify(example)}`);

/** Where the version to be promoted is: the environment below, or this one, for what it trained itself. */
export type Source = Pick<Lower, 'name' | 'registry' | 'artifacts' | 'mlflowPrefix'>;

export const sourceOf = (deps: Deps, from: string | undefined): Source => {
  const { settings, pool, artifacts, lower } = deps;
  if (from === settings.name) {
    const own: Pick<ArtifactStore, 'get'> = artifacts;
    return { name: from, registry: new PostgresRegistry(pool), artifacts: own, mlflowPrefix: settings.mlflowPrefix };
  }
  if (lower !== undefined && (from === undefined || from === lower.name)) return lower;
  const below = lower === undefined ? 'nothing is promoted into the lowest environment' : `promote from ${lower.name}`;
  throw new PerennialError('INVALID_INPUT', `${settings.name} takes no version from there: ${below}`, {
    field: 'from',
    value: from ?? null,
  });
};

export const checkPromotion = async (
  deps: Deps,
  input: PromoteInput,
  { lineage }: Frame,
): Promise<PromotionRequest> => {
  const given = parseInput(promoteInput, input, EXAMPLE);
  const { settings, policy } = deps;
  if (given.to !== undefined && given.to !== settings.name) {
    throw new PerennialError('INVALID_INPUT', `This namespace is ${settings.name}`, { field: 'to', value: given.to });
  }
  if (policy.approvals > 0 && given.by === undefined && !given.dryRun) {
    const mend = `A valid input: ${JSON.stringify(EXAMPLE)}`;
    throw new PerennialError('INVALID_INPUT', `${settings.name} wants approval: say who asks`, { field: 'by', mend });
  }
  const source = sourceOf(deps, given.from);
  const model = modelNamed(deps, given.useCase, given.model);
  const version = await versionOf(source, `${given.useCase}/${model}`, given.version);
  const request: PromotionRequest = {
    attempt: lineage.run,
    id: lineage.workflow,
    useCase: given.useCase,
    model,
    from: source.name,
    to: settings.name,
    version: version.version,
    package: version.packageSha256,
    by: given.by ?? 'unnamed',
    dryRun: given.dryRun,
    score: given.score,
    approvals: policy.approvals,
    patience: {
      remindAfterSeconds: given.remindAfterSeconds,
      escalateAfterSeconds: given.escalateAfterSeconds,
      expireAfterSeconds: given.expireAfterSeconds,
    },
  };
  if (!request.dryRun) await open(deps, request);
  return request;
};

export const modelNamed = (deps: Deps, useCase: string, model: string | undefined): string => {
  const { models } = useCaseNamed(deps.useCases, useCase);
  const found = model === undefined ? models[0] : models.find((candidate) => candidate.name === model);
  if (found) return found.name;
  const known = models.map((candidate) => candidate.name).join(', ');
  throw new PerennialError('UNKNOWN_NAME', `${useCase} has no such model`, {
    field: 'model',
    value: model ?? null,
    mend: `Known: ${known}`,
  });
};

const versionOf = async ({ name: from, registry }: Source, model: string, number: number | undefined) => {
  const found =
    number === undefined
      ? await registry.champion(model)
      : (await registry.versions(model)).find((version) => version.version === number);
  if (found) return found;
  if (number === undefined) {
    throw new PerennialError('NOTHING_TO_DO', `${from} has no champion of ${model}`, {
      mend: `Run or promote there first, or name a version of ${from}`,
    });
  }
  throw new PerennialError('UNKNOWN_NAME', `${from} has no such version of ${model}`, {
    field: 'version',
    value: number,
    mend: `\`perennial models --env ${from}\` lists them`,
  });
};

/** Writes the request down. An earlier attempt under this id whose workflow was stopped from outside is closed. */
const open = async ({ pool, crash }: Deps, request: PromotionRequest): Promise<void> => {
  const promotions = new PostgresPromotions(pool);
  const { attempt, id, useCase, model, by } = request;
  for (const earlier of await promotions.list({ id })) {
    if (earlier.attempt === attempt || isOver(earlier.state)) continue;
    const why = 'its workflow was stopped, and the promotion was asked for again';
    await promotions.move({ attempt: earlier.attempt, step: 'closed', to: 'superseded', by, why });
  }
  await promotions.open({
    attempt,
    id,
    model: `${useCase}/${model}`,
    from: { environment: request.from, version: request.version },
    package: request.package,
    by,
  });
  crash('after-write');
};
