// Whether a candidate may answer instead of the present champion (or, where there is none, of the rule that people would use).
import type { MetricGate } from './model.ts';

export interface Reference {
  readonly kind: 'champion' | 'baseline';
  /** How reasons call it, e.g. `champion version 3`. */
  readonly name: string;
  readonly metrics: Readonly<Record<string, number>>;
}

export interface GateDecision {
  readonly passed: boolean;
  /** Every demand that was not met, as sentences; empty if it passed. */
  readonly reasons: readonly string[];
  readonly against: Pick<Reference, 'kind' | 'name'>;
}

/**
 * MLflow's MetricThreshold (mlflow 3.17 `models/evaluation/validation.py`), closed by default: no gates, a gate that demands nothing,
 * a metric that is missing or not a number, and a change without a reference refuse. Reasons are listed in full, not up to the first.
 */
export const decideGates = (
  candidate: Readonly<Record<string, number>>,
  reference: Reference,
  gates: readonly MetricGate[],
): GateDecision => {
  const reasons =
    gates.length === 0 ? ['no gate is set'] : gates.flatMap((gate) => failures(gate, candidate, reference));
  return { passed: reasons.length === 0, reasons, against: { kind: reference.kind, name: reference.name } };
};

const failures = (gate: MetricGate, candidate: Readonly<Record<string, number>>, reference: Reference): string[] => {
  const value = finite(candidate, gate.metric);
  if (value === undefined) return [`${gate.metric} of the candidate is missing or not a number`];
  const { threshold, minAbsoluteChange, minRelativeChange } = gate;
  if ([threshold, minAbsoluteChange, minRelativeChange].every((demand) => demand === undefined)) {
    return [`the gate on ${gate.metric} demands nothing`];
  }
  const broken = threshold === undefined ? [] : demand(gate, value, threshold, 'the threshold');
  if (minAbsoluteChange === undefined && minRelativeChange === undefined) return broken;
  const held = finite(reference.metrics, gate.metric);
  if (held === undefined) return [...broken, `${gate.metric} of the ${reference.name} is missing or not a number`];
  return [...broken, ...absoluteChange(gate, value, held, reference), ...relativeChange(gate, value, held, reference)];
};

const absoluteChange = (gate: MetricGate, value: number, held: number, { name }: Reference): string[] => {
  const change = gate.minAbsoluteChange;
  if (change === undefined) return [];
  return demand(
    gate,
    value,
    better(gate, held, change),
    `${shown(held)} of the ${name} and a change of ${shown(change)}`,
  );
};

const relativeChange = (gate: MetricGate, value: number, held: number, { name }: Reference): string[] => {
  const change = gate.minRelativeChange;
  if (change === undefined) return [];
  // A share of nothing says nothing: strictly better will do, as in MLflow.
  if (held === 0) return demand(gate, value, better(gate, held, 1e-10), `0 of the ${name}`);
  const gained = (gate.greaterIsBetter ? value - held : held - value) / Math.abs(held);
  if (gained >= change) return [];
  return [
    `${gate.metric} ${shown(value)} betters ${shown(held)} of the ${name} by ${percent(gained)}, below ${percent(change)}`,
  ];
};

const demand = (gate: MetricGate, value: number, bound: number, why: string): string[] => {
  const met = gate.greaterIsBetter ? value >= bound : value <= bound;
  if (met) return [];
  return [`${gate.metric} ${shown(value)} is ${gate.greaterIsBetter ? 'below' : 'above'} ${shown(bound)} (${why})`];
};

const better = ({ greaterIsBetter }: MetricGate, held: number, change: number): number =>
  greaterIsBetter ? held + change : held - change;

const finite = (metrics: Readonly<Record<string, number>>, name: string): number | undefined => {
  const value = Object.hasOwn(metrics, name) ? metrics[name] : undefined;
  return Number.isFinite(value) ? value : undefined;
};

const shown = (value: number): string => String(Number(value.toPrecision(6)));
const percent = (value: number): string => `${Number((value * 100).toPrecision(4))} %`;
