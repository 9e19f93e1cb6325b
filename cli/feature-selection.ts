// `perennial features select`: the newest cuts of a model's features beside what its present version gains by each.
import { readMatrix } from '../adapters/duckdb/matrix.ts';
import type { DuckDb } from '../adapters/duckdb/session.ts';
import { PerennialError } from '../core/errors.ts';
import { valueSql } from '../core/feature-history.ts';
import type { Feature, FeatureView } from '../core/feature-view.ts';
import { type Candidate, type Choice, selectFeatures } from '../core/learning/feature-selection.ts';
import { categoricalStability, numericStability } from '../core/learning/stability-index.ts';
import { identifier, literal, qualified } from '../core/sql.ts';

/** The newest cuts, and rows of each, that are looked at: chosen by hash, so that the same lake gives the same proposal. */
const CUTS = 5;
const ROWS_A_CUT = 20_000;
const SAMPLE = 'memory.main.selection';

export interface Selection {
  readonly cuts: readonly string[];
  readonly rows: number;
  readonly choices: readonly Choice[];
}

/** `gains` by feature: of the model version that stands for the importance. Tables are readable by name. */
export const proposeFeatures = async (
  db: DuckDb,
  view: FeatureView,
  gains: ReadonlyMap<string, number>,
): Promise<Selection> => {
  const features = view.features.filter(({ name }) => gains.has(name));
  const cuts = await sampleCuts(db, view, features);
  const [first, last] = [cuts[0], cuts.at(-1)];
  if (first === undefined || last === undefined || first === last) {
    const mend = 'Train on more than one cut first';
    throw new PerennialError('NOTHING_TO_DO', 'Stability takes two cuts', { field: 'cuts', value: cuts.length, mend });
  }
  const rows = await db.number(`select count(*) from ${SAMPLE}`);
  const candidates: Candidate[] = [];
  for (const feature of features) {
    const gain = gains.get(feature.name) ?? 0;
    candidates.push(
      feature.kind === 'numeric'
        ? await numericCandidate(db, feature, gain, { rows, first, last })
        : await categoricalCandidate(db, feature, gain, { first, last }),
    );
  }
  return { cuts, rows, choices: selectFeatures(candidates) };
};

const sampleCuts = async (db: DuckDb, view: FeatureView, features: readonly Feature[]): Promise<string[]> => {
  const columns = features.map((feature) => `${valueSql(feature)} as ${identifier(feature.name)}`);
  const entity = `${identifier(view.entity)}::varchar`;
  await db.run(
    `create or replace table ${SAMPLE} as
     select row_number() over (order by as_of, entity__) as position__, * from (
       select as_of, ${entity} as entity__, ${columns.join(', ')} from ${qualified(view.table)}
       where as_of in (select distinct as_of from ${qualified(view.table)} order by as_of desc limit ${CUTS})
       qualify row_number() over (partition by as_of order by md5(${entity}), ${entity}) <= ${ROWS_A_CUT}
     )`,
  );
  const found = await db.rows(`select distinct as_of::varchar as cut from ${SAMPLE} order by 1`);
  return found.map(({ cut }) => String(cut));
};

interface Ends {
  readonly first: string;
  readonly last: string;
}

const numericCandidate = async (
  db: DuckDb,
  { name }: Feature,
  gain: number,
  { rows, first, last }: Ends & { readonly rows: number },
): Promise<Candidate> => {
  const column = identifier(name);
  const at = (cut: string) => `as_of = ${literal(cut)}::timestamp`;
  const read = async (where: string, count: number) =>
    (await readMatrix(db, `select ${column} from ${SAMPLE} where ${where} order by position__`, count, () => {}))
      .values;
  const size = (cut: string) => db.number(`select count(*) from ${SAMPLE} where ${at(cut)}`);
  const stability = numericStability(await read(at(first), await size(first)), await read(at(last), await size(last)));
  return { name, gain, stability, values: await read('true', rows) };
};

const categoricalCandidate = async (
  db: DuckDb,
  { name }: Feature,
  gain: number,
  { first, last }: Ends,
): Promise<Candidate> => {
  const values = async (cut: string) =>
    (await db.rows(`select ${identifier(name)} as value from ${SAMPLE} where as_of = ${literal(cut)}::timestamp`)).map(
      ({ value }) => (value === null || value === undefined ? null : String(value)),
    );
  return { name, gain, stability: categoricalStability(await values(first), await values(last)) };
};
