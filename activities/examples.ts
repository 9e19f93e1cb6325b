// Rows for a learner: features of a model at given cuts, categories as codes, with labels where they are known.
import { readMatrix } from '../adapters/duckdb/matrix.ts';
import type { DuckDb } from '../adapters/duckdb/session.ts';
import type { Pin } from '../core/commit.ts';
import { PerennialError } from '../core/errors.ts';
import type { VersionedView } from '../core/feature-version.ts';
import { type CategoryDictionary, fitDictionary } from '../core/learning/encoding.ts';
import type { Model } from '../core/model.ts';
import type { Plan } from '../core/plan.ts';
import { identifier, literal, qualified } from '../core/sql.ts';
import type { TableName } from '../core/table.ts';
import type { OnProgress } from './deps.ts';

export type Dictionaries = Readonly<Record<string, CategoryDictionary>>;

export interface Examples {
  /** Row-major, the model's features in order; NaN is missing. */
  readonly values: Float64Array;
  readonly rows: number;
  /** Extra expressions, row-major beside the features (label, baseline score, oracle). */
  readonly extras: Float64Array;
}

/** A session in which the tables are readable by name. */
export interface Tables {
  readonly db: DuckDb;
}

export interface Subject {
  readonly model: Model;
  readonly view: VersionedView;
}

export const subjectOf = (plan: Pick<Plan, 'models' | 'featureViews'>, name: string): Subject => {
  const model = plan.models.find((candidate) => candidate.name === name);
  const view = plan.featureViews.find((candidate) => candidate.name === model?.featureView);
  if (model && view) return { model, view };
  throw new PerennialError('UNKNOWN_NAME', 'the plan has no such model', { field: 'model', value: name });
};

/** The pin of a table, or what is missing. */
export const pinOf = (pins: readonly Pin[], table: TableName): Pin => {
  const pin = pins.find((candidate) => candidate.table === table);
  if (pin) return pin;
  throw new PerennialError('CONTRACT_BROKEN', 'a step was not given a table it reads', { field: 'pins', value: table });
};

export const isCategorical = ({ view }: Subject, feature: string): boolean =>
  view.features.some(({ name, kind }) => name === feature && kind === 'categorical');

/** Codes of each categorical feature, learned from the rows at `cuts` alone. */
export const fitDictionaries = async (
  lake: Tables,
  subject: Subject,
  cuts: readonly string[],
): Promise<Dictionaries> => {
  const fitted: Record<string, CategoryDictionary> = {};
  for (const feature of subject.model.features.filter((name) => isCategorical(subject, name))) {
    const column = identifier(feature);
    const counts = await lake.db.rows(
      `select ${column}::varchar as value, count(*)::integer as times from ${qualified(subject.view.table)}
       where ${at(cuts)} and ${column} is not null group by all`,
    );
    fitted[feature] = fitDictionary(counts.map(({ value, times }) => [String(value), Number(times)]));
  }
  return fitted;
};

export interface ExampleRequest {
  readonly cuts: readonly string[];
  readonly dictionaries: Dictionaries;
  /** SQL over `f` (the feature view) and `l` (the label table, where labelled). */
  readonly extras: readonly string[];
  readonly labelled: boolean;
  /** More joins, e.g. the planted truth. */
  readonly join?: string;
}

/** Rows in a fixed order: by cut, then by entity. */
export const readExamples = async (
  lake: Tables,
  subject: Subject,
  request: ExampleRequest,
  onProgress: OnProgress,
): Promise<Examples> => {
  const { model, view } = subject;
  const entity = identifier(view.entity);
  const from = [
    `from ${qualified(view.table)} f`,
    request.labelled ? `join ${qualified(model.label.table)} l using (${entity}, as_of)` : '',
    ...(await codeJoins(lake, request.dictionaries)),
    request.join ?? '',
    `where ${at(request.cuts)}`,
  ].join('\n');
  const rows = await lake.db.number(`select count(*) ${from}`);
  const features = model.features.map((name) =>
    isCategorical(subject, name) ? `${codes(name)}.code` : `f.${identifier(name)}::double`,
  );
  const columns = [...features, ...request.extras.map((sql) => `(${sql})::double`)].map((sql, i) => `${sql} as c${i}`);
  const matrix = await readMatrix(
    lake.db,
    `select ${columns.join(', ')} ${from} order by f.as_of, f.${entity}`,
    rows,
    (done) => onProgress({ stage: `read rows of ${model.name}`, done, total: rows, unit: 'rows' }),
  );
  return separate(matrix.values, rows, features.length, request.extras.length);
};

const at = (cuts: readonly string[]): string =>
  `as_of in (${cuts.map((cut) => `timestamp ${literal(`${cut} 00:00:00`)}`).join(', ')})`;
const codes = (feature: string): string => identifier(`codes_${feature}`);

const codeJoins = async (lake: Tables, dictionaries: Dictionaries): Promise<string[]> => {
  const joins: string[] = [];
  for (const [feature, dictionary] of Object.entries(dictionaries)) {
    const values = `[${dictionary.map(literal).join(', ')}]::varchar[]`;
    await lake.db.run(
      `create or replace table memory.main.${codes(feature)} as
       select unnest(${values}) as value, unnest(range(${dictionary.length}))::double as code`,
    );
    joins.push(
      `left join memory.main.${codes(feature)} on ${codes(feature)}.value = f.${identifier(feature)}::varchar`,
    );
  }
  return joins;
};

const separate = (all: Float64Array, rows: number, features: number, extras: number): Examples => {
  const width = features + extras;
  const values = new Float64Array(rows * features);
  const rest = new Float64Array(rows * extras);
  for (let row = 0; row < rows; row += 1) {
    values.set(all.subarray(row * width, row * width + features), row * features);
    rest.set(all.subarray(row * width + features, (row + 1) * width), row * extras);
  }
  return { values, rows, extras: rest };
};

/** One of the extra columns. */
export const extra = ({ extras, rows }: Examples, index: number): Float64Array => {
  const width = rows === 0 ? 1 : extras.length / rows;
  return Float64Array.from({ length: rows }, (_, row) => extras[row * width + index] ?? Number.NaN);
};
