// `perennial models` and `perennial promotions`: what the registry of an environment says, read with a developer's rights.
import { type Command, Option } from 'commander';
import pc from 'picocolors';
import type { Promotion } from '../../adapters/postgres/promotions.ts';
import type { RegisteredVersion } from '../../adapters/postgres/registry.ts';
import { environmentNames, loadEnvironment } from '../../environments/environment.ts';
import { useCases } from '../../models/index.ts';
import { json, table } from '../output.ts';
import { environmentOf, promotionNamed, withRegistry } from '../promotion.ts';

const environmentOption = (standard: string): Option =>
  new Option('--env <name>', 'which registry').choices([...environmentNames]).default(standard);

export const register = (program: Command): void => {
  program
    .command('models')
    .description('versions, states, aliases and figures of an environment')
    .argument('[model]', 'only this one, <use-case>/<model>')
    .addOption(environmentOption('dev'))
    .option('--json', 'print all of it as JSON')
    .action(async (model: string | undefined, options: { env: string; json?: boolean }) => {
      const found = await listModels(options.env, model);
      options.json ? json(found) : console.log(table(found.map(line)));
    });
  program
    .command('promotions')
    .description('what was asked into an environment, and what came of it')
    .argument('[promotion]', 'one of them, with its history, decisions and reminders')
    .addOption(environmentOption('prod'))
    .option('--limit <n>', 'how many, the newest first', Number, 20)
    .option('--json', 'print all of it as JSON')
    .action((id: string | undefined, options: { env: string; limit: number; json?: boolean }) =>
      id === undefined ? list(options) : detail(id, options.json === true),
    );
};

type Listed = RegisteredVersion & { readonly champion: boolean };

const listModels = (env: string, only: string | undefined): Promise<Listed[]> => {
  const names = useCases.flatMap(({ name, models }) => models.map((model) => `${name}/${model.name}`));
  return withRegistry(loadEnvironment(env), async (registry) => {
    const found: Listed[] = [];
    for (const name of names.filter((known) => only === undefined || known === only)) {
      const champion = await registry.champion(name);
      const versions = await registry.versions(name);
      found.push(...versions.map((version) => ({ ...version, champion: version.version === champion?.version })));
    }
    return found;
  });
};

const line = (listed: Listed): Record<string, unknown> => {
  const { model, version, state, champion, metrics, lineage, createdAt, packageSha256, mlflow } = listed;
  const figure = (name: string, digits: number) =>
    typeof metrics[name] === 'number' ? metrics[name].toFixed(digits) : null;
  return {
    model,
    version,
    state,
    alias: champion ? 'champion' : '',
    'ROC-AUC': figure('roc_auc', 4),
    'lift @ 5 %': figure('lift_at_5', 2),
    'as of': String(lineage.asOf ?? ''),
    registered: createdAt.toISOString().slice(0, 19),
    package: packageSha256.slice(0, 12),
    MLflow: mlflow?.version ?? '',
  };
};

const list = async ({ env, limit, json: asJson }: { env: string; limit: number; json?: boolean }): Promise<void> => {
  const found = await withRegistry(loadEnvironment(env), (_, promotions) => promotions.list({ limit }));
  asJson ? json(found) : console.log(table(found.map(promotionLine), limit));
};

const promotionLine = ({
  id,
  state,
  requestedBy,
  requestedAt,
  headline,
  reasons,
}: Promotion): Record<string, unknown> => ({
  promotion: id,
  state,
  by: requestedBy,
  asked: requestedAt.toISOString().slice(0, 19),
  'what was found': reasons[0] ?? headline,
});

const detail = async (id: string, asJson: boolean): Promise<void> => {
  const environment = loadEnvironment(environmentOf(id));
  const promotion = await promotionNamed(environment, id);
  const found = await withRegistry(environment, async (_, promotions) => ({
    ...promotion,
    events: await promotions.events(promotion.attempt),
    decisions: await promotions.decisions(promotion.attempt),
    reminders: await promotions.reminders(promotion.attempt),
  }));
  if (asJson) return json(found);
  const { state, from, requestedBy, headline, evidence, reasons } = found;
  const lines = [
    `${pc.bold(id)}: ${state}`,
    `version ${from.version} of ${from.environment}, asked for by ${requestedBy}`,
    ...(headline === '' ? [] : [`${headline} (evidence ${evidence?.slice(0, 12)})`]),
    ...reasons.map((reason) => `- ${reason}`),
    '',
    table(found.events.map(({ at, after, by, why }) => ({ at: at.toISOString().slice(0, 19), state: after, by, why }))),
    ...(found.reminders.length > 0 ? ['', ...found.reminders.map(({ text }) => pc.dim(text))] : []),
  ];
  console.log(lines.join('\n'));
};
