// The gates of a promotion, decided from its evidence alone. Closed by default: what is missing refuses, and every reason is told.
import { decideGates, type Reference } from '../gate.ts';
import type { Evidence, FeatureKind } from './evidence.ts';
import type { GateReport } from './messages.ts';

type Gate = (evidence: Evidence) => string[];

const DAY = 86_400_000;

/** All gates, whether or not an earlier one refused. Those that need data are silent where there is none: `data` has refused. */
export const decidePromotion = (evidence: Evidence): GateReport => {
  const gates = Object.entries(GATES).map(([gate, decide]) => ({ gate, reasons: decide(evidence) }));
  const reasons = gates.flatMap((found) => found.reasons);
  return { passed: reasons.length === 0, reasons, gates };
};

const state: Gate = ({ candidate: { environment, version, state: found } }) =>
  found === 'rejected' ? [`version ${version} was rejected in ${environment}`] : [];

const data: Gate = ({ data: found, missing, to }) => {
  if (found === null) return missing.length > 0 ? missing : [`${to} has no labelled rows to judge it on`];
  if (found.rows === 0) return [`${to} has no labelled rows at ${found.testCut}`];
  if (found.positives === 0 || found.positives === found.rows)
    return [`all ${found.rows} labels of ${to} at ${found.testCut} are equal: nothing can be told apart`];
  return missing;
};

const schema: Gate = ({ candidate, expected, data: found, to }) => {
  if (found === null) return [];
  return [
    ...differs('entity', candidate.entity, expected.entity, to),
    ...differs('windows', shown(candidate.windows), shown(expected.windows), to),
    ...differs('features', names(candidate.features), names(expected.features), to),
    ...candidate.features.flatMap((feature) => kindReasons(feature, expected.features, to)),
    ...[candidate.entity, 'as_of', ...candidate.features.map(({ name }) => name)].flatMap((name) =>
      expected.columns.some((column) => column.name === name) ? [] : [`${to}'s feature table has no column ${name}`],
    ),
    ...candidate.features.flatMap((feature) => typeReasons(feature, expected.columns, to)),
  ];
};

const differs = (what: string, ours: string, theirs: string, to: string): string[] =>
  ours === theirs ? [] : [`its ${what} (${cut(ours)}) are not those of ${to} (${cut(theirs)})`];

const kindReasons = ({ name, kind }: FeatureKind, expected: Evidence['expected']['features'], to: string): string[] => {
  const there = expected.find((feature) => feature.name === name)?.kind;
  return there === undefined || there === kind ? [] : [`${name} is ${kind} to it and ${there} in ${to}`];
};

const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)|BOOLEAN)$/i;

const typeReasons = ({ name, kind }: FeatureKind, columns: Evidence['expected']['columns'], to: string): string[] => {
  const type = columns.find((column) => column.name === name)?.type;
  if (type === undefined || kind === 'categorical' || NUMERIC.test(type)) return [];
  return [`${name} is a number to it and ${type} in ${to}`];
};

/** True where rows of the target can be read into a model's input at all. */
export const fits = (
  features: readonly FeatureKind[],
  expected: Pick<Evidence['expected'], 'features' | 'columns'>,
): boolean =>
  features.every(
    (feature) =>
      expected.features.some(({ name, kind }) => name === feature.name && kind === feature.kind) &&
      expected.columns.some(({ name }) => name === feature.name) &&
      typeReasons(feature, expected.columns, '').length === 0,
  );

const parity: Gate = ({ parity: found, policy: { maxParityDifference } }) => {
  if (found === null) return ['its exported model was not held against the native one'];
  const { rows, maxAbsDifference } = found;
  if (rows === 0 || maxAbsDifference === null) return ['its exported model and the native one could not be compared'];
  if (maxAbsDifference <= maxParityDifference) return [];
  return [`its exported model differs from the native one by ${maxAbsDifference}, more than ${maxParityDifference}`];
};

/** Not too old for the data it is to answer for, and not judged on rows whose answers it may have seen. */
const freshness: Gate = ({ candidate, data: found, policy: { maxAgeDays }, to }) => {
  if (found === null) return [];
  const [trained, tested] = [Date.parse(candidate.asOf), Date.parse(candidate.testCut)];
  const [known, cutAt] = [Date.parse(found.asOf), Date.parse(found.testCut)];
  if (![trained, tested, known, cutAt].every(Number.isFinite)) return ['its dates cannot be read'];
  const age = Math.round((known - trained) / DAY);
  return [
    ...(age > maxAgeDays
      ? [`it was trained on what was known ${age} days before ${to}'s data end, more than ${maxAgeDays}`]
      : []),
    ...(cutAt < tested
      ? [
          `${to}'s newest labelled cut ${found.testCut} lies before its own test cut ${candidate.testCut.slice(0, 10)}: it may have learned from those labels`,
        ]
      : []),
  ];
};

const size: Gate = ({ candidate: { bytes }, policy: { maxPackageBytes } }) => {
  if (bytes === 0) return ['its package is empty'];
  return bytes > maxPackageBytes ? [`its package has ${bytes} bytes, more than ${maxPackageBytes}`] : [];
};

const metrics: Gate = (evidence) => {
  if (evidence.data === null) return [];
  const { candidate, policy } = evidence;
  return [...decideGates(candidate.figures ?? {}, referenceOf(evidence), policy.gates).reasons];
};

/** Whom it must beat: the present champion on the same rows, or, where there is none, the rule people would use. */
const referenceOf = ({ champion, baseline }: Evidence): Reference =>
  champion === null
    ? { kind: 'baseline', name: `rule ${baseline.name}`, metrics: baseline.figures ?? {} }
    : { kind: 'champion', name: `champion version ${champion.version}`, metrics: champion.figures ?? {} };

const GATES = { state, data, schema, parity, freshness, size, metrics } satisfies Record<string, Gate>;

const names = (features: Evidence['candidate']['features']): string => features.map(({ name }) => name).join(' ');
const shown = (windows: Evidence['candidate']['windows']): string =>
  Object.entries(windows)
    .map(([name, days]) => `${name} ${days}`)
    .join(', ');
const cut = (text: string): string => (text.length > 120 ? `${text.slice(0, 119)}…` : text);
