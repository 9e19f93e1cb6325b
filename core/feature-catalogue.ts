// What must hold of a use case's features before anything is computed from them: names are there, once, and mean what they say.
import { PerennialError } from './errors.ts';
import type { FeatureService, PushedView } from './feature-view.ts';
import type { UseCase } from './use-case.ts';

type Features = Pick<UseCase, 'name' | 'tables' | 'models' | 'entities' | 'featureViews' | 'featureServices' | 'folds'>;

/** @throws PerennialError CONTRACT_BROKEN naming the first definition that does not hold. */
export const checkFeatures = (useCase: Features): void => {
  const { entities = [], featureViews, featureServices = [], folds = [], models } = useCase;
  const views = [...featureViews, ...folds];
  once('entities', [...entities.map(({ name }) => name), ...entities.map(({ joinKey }) => `join key ${joinKey}`)]);
  once(
    'feature views',
    views.map(({ name }) => name),
  );
  once(
    'feature views',
    views.map(({ table }) => table),
  );
  once(
    'feature services',
    featureServices.map(({ name }) => name),
  );
  for (const view of views) checkView(useCase, view);
  for (const service of featureServices) checkService(views, service);
  const tables = useCase.tables.map(({ name }) => name);
  for (const { table } of featureViews) known('table', table, tables);
  for (const { featureView, featureService, features } of models) {
    known(
      'featureView',
      featureView,
      featureViews.map(({ name }) => name),
    );
    if (featureService === undefined) continue;
    known(
      'featureService',
      featureService,
      featureServices.map(({ name }) => name),
    );
    const service = featureServices.find(({ name }) => name === featureService);
    if (service?.view !== featureView)
      throw broken('a model and its feature service read different views', 'view', service?.view);
    for (const feature of features) known(`feature of service ${featureService}`, feature, service.features);
  }
};

const checkView = ({ entities }: Features, { name, entity, features, ttlDays }: PushedView): void => {
  if (entities !== undefined)
    known(
      `entity of ${name}`,
      entity,
      entities.map(({ joinKey }) => joinKey),
    );
  once(`features of ${name}`, [entity, 'as_of', 'known_at', ...features.map((feature) => feature.name)]);
  if (features.length === 0) throw broken('a feature view has no features', 'view', name);
  if (ttlDays !== undefined && !(ttlDays > 0)) throw broken(`the TTL of ${name} is not positive`, 'ttlDays', ttlDays);
};

const checkService = (views: readonly PushedView[], { name, view, features }: FeatureService): void => {
  known(
    `view of service ${name}`,
    view,
    views.map((candidate) => candidate.name),
  );
  const offered = views.find((candidate) => candidate.name === view)?.features ?? [];
  once(`features of service ${name}`, features);
  for (const feature of features)
    known(
      `feature of ${view}`,
      feature,
      offered.map((candidate) => candidate.name),
    );
};

const once = (what: string, names: readonly string[]): void => {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw broken(`${what}: a name stands twice`, 'name', twice);
};

const known = (field: string, value: string, names: readonly string[]): void => {
  if (names.includes(value)) return;
  throw new PerennialError('CONTRACT_BROKEN', 'a definition names what is not there', {
    field,
    value,
    mend: `Known: ${names.join(', ')}`,
  });
};

const broken = (message: string, field: string, value: unknown): PerennialError =>
  new PerennialError('CONTRACT_BROKEN', message, { field, value });
