// Freezes the evidence of a promotion: the candidate and the present champion measured on the target's own newest labelled cut, beside
// all else that the gates ask. One document, kept by its hash.
import { type LoadedPackage, loadPackage } from '../../adapters/artifacts/model-package.ts';
import { type Champion, PostgresRegistry } from '../../adapters/postgres/registry.ts';
import type { VersionState } from '../../adapters/postgres/registry-rows.ts';
import { PerennialError } from '../../core/errors.ts';
import type { Windows } from '../../core/model.ts';
import {
  type Evidence,
  evidenceBytes,
  headlineOf,
  materialChanges,
  parseEvidence,
} from '../../core/promotion/evidence.ts';
import { fits } from '../../core/promotion/gates.ts';
import type { FrozenEvidence, PromotionRequest } from '../../core/promotion/messages.ts';
import { literal, qualified } from '../../core/sql.ts';
import type { TableName } from '../../core/table.ts';
import { type UseCase, useCaseNamed } from '../../core/use-case.ts';
import type { Deps } from '../deps.ts';
import { type Subject, subjectOf } from '../examples.ts';
import type { Frame } from '../heartbeat.ts';
import { type OpenLake, withLake } from '../lake-session.ts';
import { type Bench, compareForms, measure } from './measure.ts';
import { sourceOf } from './request.ts';

const MAX_PARITY_DIFFERENCE = 1e-9;
const DAY = 86_400_000;

export interface FreezeRequest {
  readonly request: PromotionRequest;
  /** Hash of the evidence that was looked at before. */
  readonly before?: string;
}

export const freezeEvidence = async (
  deps: Deps,
  { request, before }: FreezeRequest,
  frame: Frame,
): Promise<FrozenEvidence> => {
  const evidence = await gather(deps, request, frame);
  const kept = await deps.artifacts.put(evidenceBytes(evidence));
  deps.crash('after-write');
  const earlier = before === undefined ? undefined : parseEvidence(await deps.artifacts.get(before));
  const { champion, data } = evidence;
  return {
    evidence: kept,
    headline: headlineOf(evidence),
    champion: champion?.version ?? null,
    reigning: champion?.package === request.package ? champion.version : null,
    changes: earlier === undefined ? [] : materialChanges(earlier, evidence),
    cuts: data === null ? null : { test: data.testCut, score: data.asOf },
  };
};

/** What is asked and who answers now, before anything is measured. */
interface Case {
  readonly request: PromotionRequest;
  readonly subject: Subject;
  readonly windows: Windows;
  readonly candidate: LoadedPackage;
  readonly state: VersionState;
  readonly champion: Champion | undefined;
  readonly reigning: LoadedPackage | undefined;
}

const gather = async (deps: Deps, request: PromotionRequest, frame: Frame): Promise<Evidence> => {
  const asked = await openCase(deps, request);
  const parity = await compareForms(deps, asked.candidate, frame);
  const found = await withLake(deps, frame.signal, (lake) => onOwnData(deps, lake, asked, frame));
  const { subject, champion } = asked;
  return {
    format: 'perennial/evidence/1',
    useCase: request.useCase,
    model: request.model,
    to: request.to,
    candidate: { ...describeCandidate(asked), figures: found.figures },
    champion: champion
      ? { version: champion.version, package: champion.packageSha256, figures: found.championFigures }
      : null,
    baseline: { name: subject.model.baseline.name, figures: found.baseline },
    data: found.data,
    missing: found.missing,
    expected: { ...expectedOf(asked), columns: found.columns },
    parity,
    policy: {
      gates: subject.model.gates.map((gate) => ({ ...gate })),
      maxAgeDays: deps.policy.maxAgeDays,
      maxPackageBytes: deps.policy.maxPackageBytes,
      maxParityDifference: MAX_PARITY_DIFFERENCE,
    },
    trace: { codeVersion: deps.settings.codeVersion, snapshots: found.snapshots },
  };
};

const openCase = async (deps: Deps, request: PromotionRequest): Promise<Case> => {
  const name = `${request.useCase}/${request.model}`;
  const source = sourceOf(deps, request.from);
  const useCase = useCaseNamed(deps.useCases, request.useCase);
  const candidate = await loadPackage(source.artifacts, request.package);
  if (`${candidate.manifest.useCase}/${candidate.manifest.model}` !== name) {
    throw new PerennialError('CONTRACT_BROKEN', "The package is another model's", { field: 'package', value: name });
  }
  const version = (await source.registry.versions(name)).find((known) => known.version === request.version);
  const champion = await new PostgresRegistry(deps.pool).champion(name);
  const subject = subjectOf(useCase, request.model);
  return {
    request,
    subject,
    windows: windowsOf(useCase, subject),
    candidate,
    state: version?.state ?? 'rejected',
    champion,
    reigning: champion && (await loadPackage(deps.artifacts, champion.packageSha256)),
  };
};

const windowsOf = (useCase: UseCase, { model }: Subject): Windows => {
  const windows = useCase.windows[model.source];
  if (windows) return windows;
  throw new PerennialError('CONTRACT_BROKEN', `${useCase.name} has no windows for ${model.source}`);
};

const describeCandidate = ({ request, candidate, state }: Case): Omit<Evidence['candidate'], 'figures'> => {
  const { manifest, manifestBytes, signature } = candidate;
  return {
    environment: request.from,
    version: request.version,
    package: candidate.sha256,
    state,
    asOf: manifest.lineage.asOf,
    testCut: manifest.lineage.split.test,
    bytes: manifest.files.reduce((sum, { bytes }) => sum + bytes, manifestBytes.byteLength),
    entity: signature.entity,
    features: signature.features.map(({ name, kind }) => ({ name, kind })),
    windows: signature.windows,
  };
};

const expectedOf = ({ subject: { model, view }, windows }: Case): Omit<Evidence['expected'], 'columns'> => ({
  entity: view.entity,
  features: model.features.map((name) => ({
    name,
    kind: view.features.find((feature) => feature.name === name)?.kind ?? 'numeric',
  })),
  windows: { observationDays: windows.observationDays, gapDays: windows.gapDays, labelDays: windows.labelDays },
});

interface OwnData {
  readonly data: Evidence['data'];
  readonly missing: string[];
  readonly columns: Evidence['expected']['columns'];
  readonly snapshots: Record<string, number>;
  readonly figures: Record<string, number> | null;
  readonly championFigures: Record<string, number> | null;
  readonly baseline: Record<string, number> | null;
}

const NOTHING: Omit<OwnData, 'missing'> = {
  data: null,
  columns: [],
  snapshots: {},
  figures: null,
  championFigures: null,
  baseline: null,
};

const onOwnData = async (deps: Deps, lake: OpenLake, asked: Case, frame: Frame): Promise<OwnData> => {
  const { request, subject } = asked;
  const tables: readonly TableName[] = [subject.view.table, subject.model.label.table];
  const heads = await Promise.all(tables.map(async (table) => ({ table, head: await lake.head(table) })));
  const way = `run \`perennial run ${request.useCase} --env ${request.to} --no-train\` first`;
  const missing = heads
    .filter(({ head }) => head === undefined)
    .map(({ table }) => `${request.to} has no table ${table} yet: ${way}`);
  if (missing.length > 0) return { ...NOTHING, missing };
  const known = heads.flatMap(({ table, head }) => (head ? [{ table, snapshot: head.snapshot, key: head.key }] : []));
  await lake.pin(known);
  const data = await newestCut(lake, asked, known);
  const columns = await columnsOf(lake, subject.view.table);
  const snapshots = Object.fromEntries(known.map(({ table, snapshot }) => [table, snapshot]));
  if (data === null) {
    const table = subject.model.label.table;
    return {
      ...NOTHING,
      columns,
      snapshots,
      missing: [`${request.to}'s table ${table} holds no labelled cut: ${way}`],
    };
  }
  return { data, missing: [], columns, snapshots, ...(await figures(deps, lake, asked, { data, columns }, frame)) };
};

const newestCut = async (
  lake: OpenLake,
  { subject: { model }, windows }: Case,
  tables: readonly { table: string; key: string }[],
): Promise<Evidence['data']> => {
  const { table, column } = model.label;
  const [row] = await lake.db.rows(
    `select as_of::date::varchar as cut, count(*)::integer as rows, sum(${column})::integer as positives
     from ${qualified(table)} where as_of = (select max(as_of) from ${qualified(table)}) group by as_of`,
  );
  if (row === undefined) return null;
  const cut = String(row.cut);
  // The labels of a cut need this much knowledge; that is where the newest rows are scored.
  const asOf = new Date(Date.parse(cut) + (windows.gapDays + windows.labelDays) * DAY).toISOString().slice(0, 10);
  return {
    asOf,
    testCut: cut,
    rows: Number(row.rows),
    positives: Number(row.positives),
    tables: tables.map(({ table: name, key }) => ({ table: name, key })),
  };
};

const columnsOf = async (lake: OpenLake, table: TableName): Promise<Evidence['expected']['columns']> => {
  const [schema = '', name = ''] = table.split('.');
  const rows = await lake.db.rows(
    `select column_name as name, data_type as type from duckdb_columns()
     where database_name = 'lake' and schema_name = ${literal(schema)} and table_name = ${literal(name)} order by column_index`,
  );
  return rows.map((row) => ({ name: String(row.name), type: String(row.type) }));
};

const figures = async (
  deps: Deps,
  lake: OpenLake,
  asked: Case,
  { data, columns }: { data: NonNullable<Evidence['data']>; columns: Evidence['expected']['columns'] },
  frame: Frame,
): Promise<Pick<OwnData, 'figures' | 'championFigures' | 'baseline'>> => {
  const { subject, candidate, reigning } = asked;
  const bench: Bench = { deps, frame, subject, cut: data.testCut, tables: data.tables };
  const expected = { ...expectedOf(asked), columns };
  const there = subject.view.features.map(({ name, kind }) => ({ name, kind }));
  const readable = (loaded: LoadedPackage) => fits(loaded.signature.features, { ...expected, features: there });
  const of = async (loaded: LoadedPackage | undefined) =>
    loaded && data.rows > 0 && readable(loaded) ? measure(bench, lake, loaded) : undefined;
  const [ours, theirs] = [await of(candidate), await of(reigning)];
  return {
    figures: ours ? { ...ours.figures } : null,
    championFigures: theirs ? { ...theirs.figures } : null,
    baseline: ours ? { ...ours.baseline } : null,
  };
};
