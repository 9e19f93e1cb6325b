// `perennial features`: the feature views, what is online and how fresh, who uses them; features as they were known; which to keep.
import path from 'node:path';
import type { Command } from 'commander';
import pc from 'picocolors';
import {
  AS_IF_KNOWN,
  historicalFeatures,
  loadAsked,
  wantedOf,
  writeFeatures,
} from '../../activities/feature-history.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import { loadPackage } from '../../adapters/artifacts/model-package.ts';
import { DuckDb } from '../../adapters/duckdb/session.ts';
import { PerennialError } from '../../core/errors.ts';
import { literal } from '../../core/sql.ts';
import { loadEnvironment } from '../../environments/environment.ts';
import { useCases } from '../../models/index.ts';
import { openCut, profilesOf } from '../feature-profiles.ts';
import { proposeFeatures } from '../feature-selection.ts';
import { featuresText, profileLine, selectionText, viewLine, viewText } from '../feature-text.ts';
import { catalogueViews, listViews, viewNamed } from '../features.ts';
import { type Reader, readerOption, withReadOnlyLake } from '../lake.ts';
import { withVersion } from '../model-version.ts';
import { count, json } from '../output.ts';

interface Common {
  readonly env: string;
  readonly as: Reader;
  readonly json?: boolean;
}

const common = (command: Command): Command =>
  command
    .option('--env <name>', 'dev, staging or prod', 'dev')
    .addOption(readerOption())
    .option('--json', 'print the result as JSON');

export const register = (program: Command): void => {
  const features = common(program.command('features')).description(
    'the feature views: what is online, how fresh, and who uses them',
  );
  features.action(list);
  common(features.command('show'))
    .description('one view: its versions, the models that use it, and statistics of its newest cut')
    .argument('<view>', 'e.g. customer_daily')
    .action((name: string, _: unknown, command: Command) => show(name, command.optsWithGlobals<Common>()));
  common(features.command('get'))
    .description('features of entities as they were known at a moment each')
    .requiredOption('--entities <file>', 'CSV or Parquet rows with the entity’s key and a timestamp')
    .requiredOption('--features <list>', 'view:feature,… or view:*')
    .requiredOption('--out <file>', 'Parquet to write: the rows in their order, with their features')
    .option('--timestamp <column>', 'column of the moments', 'event_timestamp')
    .option(
      '--as-if-known',
      'for history imported in one go: known_at := event_time; the set is then no proof against leakage, and says so',
    )
    .option('--at <snapshot>', 'count nothing that the lake took in after this snapshot', Number)
    .action((_: unknown, command: Command) => get(command.optsWithGlobals<Common & GetOptions>()));
  common(features.command('select'))
    .description('propose which features a model should go on with, and why')
    .argument('<model>', '<use-case>/<model>[@version]; default: its champion')
    .action((name: string, _: unknown, command: Command) => select(name, command.optsWithGlobals<Common>()));
};

const list = async (options: Common): Promise<void> => {
  const environment = loadEnvironment(options.env);
  const db = await DuckDb.open(environment.duckdb);
  try {
    const found = await listViews(environment, options.as, await catalogueViews(db), Date.now());
    options.json ? json(found) : console.log(featuresText(found.map(viewLine)));
  } finally {
    db.close();
  }
};

const show = async (name: string, options: Common): Promise<void> => {
  const environment = loadEnvironment(options.env);
  const found = await withReadOnlyLake(
    environment,
    undefined,
    async (lake) => {
      const named = await viewNamed(lake.db, name);
      const [listed] = await listViews(environment, options.as, [named], Date.now());
      if (named.kind === 'fold' || !(await lake.exists(named.view.table)))
        return { ...listed, cut: null, statistics: [] };
      const rows = await openCut(lake.db, named.view);
      const statistics = await profilesOf(lake.db, rows, new Map());
      return { ...listed, cut: rows.cut, statistics: statistics.map(profileLine) };
    },
    options.as,
  );
  if (options.json) return json(found);
  console.log(viewText(found));
};

interface GetOptions {
  readonly entities: string;
  readonly features: string;
  readonly out: string;
  readonly timestamp: string;
  readonly asIfKnown?: boolean;
  readonly at?: number;
}

const get = async (options: Common & GetOptions): Promise<void> => {
  const environment = loadEnvironment(options.env);
  const [from, to] = [path.resolve(options.entities), path.resolve(options.out)];
  const references = options.features.split(',').map((text) => text.trim());
  const bounds = {
    ...(options.at !== undefined && { until: options.at }),
    asIfKnown: options.asIfKnown === true,
  };
  let given: readonly string[] = [];
  const prepare = async (db: DuckDb) => {
    const wanted = wantedOf(
      (await catalogueViews(db)).map(({ view }) => view),
      references,
    );
    const read = from.endsWith('.parquet') ? 'read_parquet' : 'read_csv';
    const entity = wanted[0]?.view.entity ?? '';
    given = await loadAsked(db, { relation: `${read}(${literal(from)})`, entity, moment: options.timestamp });
  };
  const rows = await withReadOnlyLake(
    environment,
    undefined,
    async (lake) => {
      const tables = (await catalogueViews(lake.db)).filter(({ kind }) => kind === 'table').map(({ view }) => view);
      return writeFeatures(
        lake.db,
        await historicalFeatures(lake, given, wantedOf(tables, references), bounds),
        to,
        bounds,
      );
    },
    options.as,
    { prepare, writes: [to] },
  );
  const { asIfKnown } = bounds;
  if (asIfKnown) console.error(pc.yellow(`Warning: ${AS_IF_KNOWN}.`));
  if (options.json) return json({ rows, out: to, as_if_known: asIfKnown, ...(asIfKnown && { warning: AS_IF_KNOWN }) });
  console.log(`${pc.bold(to)}: ${count(rows)} rows`);
};

const select = async (name: string, options: Common): Promise<void> => {
  const environment = loadEnvironment(options.env);
  const { version, gains } = await withVersion(
    environment,
    environment[options.as],
    name,
    async ({ model, version, packageSha256 }) => {
      const { evaluation } = await loadPackage(new FolderArtifacts(environment.artifacts), packageSha256);
      return {
        version: { model, version },
        gains: new Map(evaluation.importance.map(({ feature, gain }) => [feature, gain])),
      };
    },
  );
  const selection = await withReadOnlyLake(
    environment,
    undefined,
    (lake) => proposeFeatures(lake.db, viewOf(version.model), gains),
    options.as,
  );
  options.json ? json({ ...version, ...selection }) : console.log(selectionText(version, selection));
};

const viewOf = (registered: string) => {
  const [useCaseName, modelName] = registered.split('/');
  const useCase = useCases.find(({ name }) => name === useCaseName);
  const model = useCase?.models.find(({ name }) => name === modelName);
  const view = useCase?.featureViews.find(({ name }) => name === model?.featureView);
  if (view) return view;
  throw new PerennialError('UNKNOWN_NAME', 'The catalogue has no such model', { field: 'model', value: registered });
};
