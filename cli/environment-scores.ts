// Both environments' champions of a model on the same rows of one lake: how each does on parts of them, and whom each would choose.
import { extra, isCategorical, readExamples, type Subject } from '../activities/examples.ts';
import type { LoadedPackage } from '../adapters/artifacts/model-package.ts';
import { openOnnx } from '../adapters/onnx/session.ts';
import { flipsOf, type Mover } from '../core/environment-diff/flips.ts';
import type { Measured, ModelDiff } from '../core/environment-diff/index.ts';
import { type Slicing, slicesOf } from '../core/environment-diff/slices.ts';
import { PerennialError } from '../core/errors.ts';
import type { Model } from '../core/model.ts';
import { identifier, literal, qualified } from '../core/sql.ts';
import type { TableName } from '../core/table.ts';
import { useCases } from '../models/index.ts';
import { newestCut, type Side } from './environment-facts.ts';
import { type Reader, type ReadOnlyLake, withReadOnlyLake } from './lake.ts';

/** Values of a feature that get a part of their own. */
const PARTS = 6;
const CHUNK_ROWS = 50_000;

type Found = Pick<ModelDiff, 'slices' | 'flips' | 'notes'>;

/** On the rows of `to`, where a promotion would have to prove itself; where it has none, on those of `from`. */
export const measure = async (from: Side, to: Side, reader: Reader): Promise<Measured> => {
  const names = [...new Set([...from.champions.keys(), ...to.champions.keys()])];
  const measured = new Map<string, Found>();
  const judge = [to, from].find(({ facts }) => facts.silent === null && facts.features.length > 0);
  if (!judge || names.length === 0) return measured;
  await withReadOnlyLake(
    judge.environment,
    undefined,
    async (lake) => {
      for (const name of names) measured.set(name, await measureOne(lake, judge, name, from, to));
    },
    reader,
  );
  return measured;
};

/** A champion with what is needed to read its rows: its own features, in its own order. */
interface Scorer {
  readonly subject: Subject;
  readonly loaded: LoadedPackage;
}

const measureOne = async (lake: ReadOnlyLake, judge: Side, name: string, from: Side, to: Side): Promise<Found> => {
  const scorers = [from, to].map((side) => scorerOf(name, side.champions.get(name)?.loaded));
  const [first] = scorers.filter((scorer) => scorer !== undefined);
  const where = judge.environment.name;
  if (!first) return { slices: null, flips: null, notes: [] };
  try {
    const slices = await slice(lake, where, first, scorers);
    const [ours, theirs] = scorers;
    const flips = ours && theirs ? await flip(lake, where, ours, theirs) : null;
    return { slices, flips, notes: slices === null ? [`${where} has no labelled rows to judge by`] : [] };
  } catch (error) {
    if (!(error instanceof PerennialError) || error.code !== 'CONTRACT_BROKEN') throw error;
    return { slices: null, flips: null, notes: [error.message] };
  }
};

const scorerOf = (name: string, loaded: LoadedPackage | undefined): Scorer | undefined => {
  const [useCaseName, modelName] = name.split('/');
  const useCase = useCases.find((one) => one.name === useCaseName);
  const model: Model | undefined = useCase?.models.find((one) => one.name === modelName);
  if (!loaded || !model) return undefined;
  const { signature, manifest } = loaded;
  const table = manifest.lineage.inputs[0]?.table as TableName;
  const features = signature.features;
  const view = { name: table, table, entity: signature.entity, features };
  return { subject: { model: { ...model, features: features.map((one) => one.name) }, view }, loaded };
};

const slice = async (
  lake: ReadOnlyLake,
  environment: string,
  first: Scorer,
  scorers: readonly (Scorer | undefined)[],
): Promise<ModelDiff['slices']> => {
  const { model, view } = first.subject;
  const cut = await newestLabelledCut(lake, first.subject);
  if (cut === undefined) return null;
  const parts = await slicingsOf(lake, first.subject, cut);
  const extras = [`l.${identifier(model.label.column)}`, ...parts.map(({ sql }) => sql)];
  const scored: (Float64Array | null)[] = [];
  let rows: Awaited<ReturnType<typeof score>> | undefined;
  for (const scorer of scorers) {
    const found = scorer && (await score(lake, { ...scorer, subject: on(scorer.subject, view.table) }, cut, extras));
    rows ??= found;
    scored.push(found?.probabilities ?? null);
  }
  if (!rows) return null;
  const { examples } = rows;
  const slicings = parts.map(({ by, values }, i): Slicing => ({ by, values, codes: extra(examples, i + 1) }));
  const [ours = null, theirs = null] = scored;
  return { on: { environment, cut }, rows: slicesOf({ labels: extra(examples, 0), from: ours, to: theirs }, slicings) };
};

const on = (subject: Subject, table: TableName): Subject => ({ ...subject, view: { ...subject.view, table } });

const newestLabelledCut = async (lake: ReadOnlyLake, { model, view }: Subject): Promise<string | undefined> => {
  const known = await lake.db.number(
    `select count(*) from duckdb_tables() where database_name = 'lake' and schema_name || '.' || table_name = ${literal(model.label.table)}`,
  );
  if (known === 0) return undefined;
  const entity = identifier(view.entity);
  const [row] = await lake.db.rows(
    `select max(as_of)::date::varchar as cut from ${qualified(view.table)} join ${qualified(model.label.table)} using (${entity}, as_of)`,
  );
  return typeof row?.cut === 'string' ? row.cut : undefined;
};

interface SlicingSql {
  readonly by: string;
  readonly values: readonly string[];
  /** Index into `values` over `f`, the feature view. */
  readonly sql: string;
}

/** By each categorical feature's most frequent values, and by each number that is only ever one of two. */
const slicingsOf = async (lake: ReadOnlyLake, subject: Subject, cut: string): Promise<SlicingSql[]> => {
  const { model, view } = subject;
  const slicings: SlicingSql[] = [];
  for (const feature of model.features) {
    const column = identifier(feature);
    const categorical = isCategorical(subject, feature);
    const rows = await lake.db.rows(
      `select ${column}::varchar as value from ${qualified(view.table)} where as_of = ${literal(`${cut} 00:00:00`)}::timestamp and ${column} is not null
       group by 1 order by count(*) desc, 1 limit ${categorical ? PARTS : 3}`,
    );
    const values = rows.map(({ value }) => String(value));
    if (values.length < 2 || (!categorical && values.length > 2)) continue;
    const cases = values.map((value, i) => `when f.${column}::varchar = ${literal(value)} then ${i}`);
    const others = categorical ? ['other or missing'] : [];
    slicings.push({
      by: feature,
      values: [...values, ...others],
      sql: `case ${cases.join(' ')} else ${values.length} end`,
    });
  }
  return slicings;
};

const flip = async (
  lake: ReadOnlyLake,
  environment: string,
  ours: Scorer,
  theirs: Scorer,
): Promise<ModelDiff['flips']> => {
  const { view } = ours.subject;
  const cut = await newestCut(lake.db, view);
  const from = await score(lake, ours, cut);
  const to = await score(lake, { ...theirs, subject: on(theirs.subject, view.table) }, cut);
  const { flips, farthest } = flipsOf(from.probabilities, to.probabilities);
  const names = await namesOf(lake, ours.subject, cut, farthest);
  const movers = farthest.map(
    (row): Mover => ({
      entity: names.get(row) ?? '',
      from: from.probabilities[row] ?? 0,
      to: to.probabilities[row] ?? 0,
    }),
  );
  return { ...flips, on: { environment, cut }, movers };
};

/** Entities by their place in the order in which rows are read. */
const namesOf = async (
  lake: ReadOnlyLake,
  { view }: Subject,
  cut: string,
  places: readonly number[],
): Promise<ReadonlyMap<number, string>> => {
  if (places.length === 0) return new Map();
  const entity = identifier(view.entity);
  const rows = await lake.db.rows(
    `select place::integer as place, name from (select ${entity}::varchar as name, row_number() over (order by ${entity}) - 1 as place
       from ${qualified(view.table)} where as_of = ${literal(`${cut} 00:00:00`)}::timestamp) where place in (${places.join(', ')})`,
  );
  return new Map(rows.map(({ place, name }) => [Number(place), String(name)]));
};

/** Probabilities by the champion's own ONNX file, from verified bytes. */
const score = async (lake: ReadOnlyLake, { subject, loaded }: Scorer, cut: string, extras?: readonly string[]) => {
  await requireFeatures(lake, subject);
  const asked = {
    cuts: [cut],
    dictionaries: loaded.signature.categories,
    extras: extras ?? [],
    labelled: extras !== undefined,
  };
  const examples = await readExamples(lake, subject, asked, () => undefined);
  const session = await openOnnx(loaded.files['model.onnx'], { threads: 2 });
  const width = subject.model.features.length;
  const probabilities = new Float64Array(examples.rows);
  for (let row = 0; row < examples.rows; row += CHUNK_ROWS) {
    const count = Math.min(CHUNK_ROWS, examples.rows - row);
    const found = await session.score(examples.values.subarray(row * width, (row + count) * width), count);
    probabilities.set(found.probability, row);
  }
  await session.release();
  return { examples, probabilities };
};

const requireFeatures = async (lake: ReadOnlyLake, { model, view }: Subject): Promise<void> => {
  const columns = await lake.db.rows(`describe from ${qualified(view.table)}`);
  const present = new Set(columns.map(({ column_name: name }) => String(name)));
  const absent = model.features.filter((name) => !present.has(name));
  if (absent.length === 0) return;
  throw new PerennialError(
    'CONTRACT_BROKEN',
    `${view.table} lacks features that a champion of ${model.name} reads: ${absent.join(', ')}`,
  );
};
