// Which registered version people mean: by model and number, by model alone (its champion), or by the run that made it.
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { openPool } from '../adapters/postgres/pool.ts';
import { PostgresRegistry } from '../adapters/postgres/registry.ts';
import { PerennialError } from '../core/errors.ts';
import type { RunSummary } from '../core/run.ts';
import type { Environment } from '../environments/environment.ts';

export interface VersionName {
  /** `<use case>/<model>`. */
  readonly model: string;
  readonly version: number;
}

/** @throws PerennialError UNKNOWN_NAME, INVALID_INPUT where a run made several. */
export const versionNamed = async (environment: Environment, client: Client, what: string): Promise<VersionName> => {
  const [, model, number] = /^([^/@]+\/[^/@]+)@(\d+)$/.exec(what) ?? [];
  if (model !== undefined) return { model, version: Number(number) };
  const champion = /^[^/@]+\/[^/@]+$/.test(what) ? await championOf(environment, what) : undefined;
  return champion ?? one(what, await versionsOfRun(client, what));
};

const championOf = async ({ developer, schema }: Environment, model: string): Promise<VersionName | undefined> => {
  const pool = openPool(developer, { max: 1, schema });
  try {
    const found = await new PostgresRegistry(pool).champion(model);
    return found && { model, version: found.version };
  } finally {
    await pool.end();
  }
};

const versionsOfRun = async (client: Client, workflowId: string): Promise<VersionName[]> => {
  try {
    const { useCase, models }: RunSummary = await client.workflow.getHandle(workflowId).result();
    return models.map(({ model, version }) => ({ model: `${useCase}/${model}`, version }));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return [];
    throw error;
  }
};

const one = (what: string, found: readonly VersionName[]): VersionName => {
  const [first, second] = found;
  if (first && !second) return first;
  const names = found.map(({ model, version }) => `${model}@${version}`).join(', ');
  if (first)
    throw new PerennialError('INVALID_INPUT', 'This run made several versions', { mend: `Name one: ${names}` });
  throw new PerennialError('UNKNOWN_NAME', 'Neither a run that Temporal still knows nor a version', {
    field: 'version',
    value: what,
    mend: 'Name it like ecommerce-intelligence/propensity@3.',
  });
};
