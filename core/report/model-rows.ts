// A model's evaluation as the named datasets that pages draw: `model_figures`, `model_roc`, `model_gain`, `model_lift`, …
import type { Evaluation } from '../model-package.ts';
import type { Curves } from '../pictures/curves.ts';
import type { Row } from '../use-case.ts';

export interface JudgedModel {
  readonly name: string;
  readonly version: number;
  readonly evaluation: Evaluation;
}

type Series = readonly (readonly [name: string, curves: Curves])[];

/** Datasets of a model for a page; the baseline stands beside it, and the oracle where the data have one. */
export const modelRows = ({ name, version, evaluation }: JudgedModel): Readonly<Record<string, readonly Row[]>> => {
  const { baseline, oracle, curves, test } = evaluation;
  const series: Series = [
    ['model', curves],
    [baseline.name, baseline.curves],
    ...(oracle ? [['ceiling', oracle.curves] as const] : []),
  ];
  return {
    model: [
      {
        model: name,
        version,
        tested_at: test.cut.slice(0, 10),
        rows: test.rows,
        positives: test.positives,
        baseline: baseline.name,
      },
    ],
    model_figures: figureRows(evaluation),
    model_roc: series.flatMap(([who, { roc }]) =>
      thinned(roc).map((p, order) => ({
        who,
        order,
        false_positive_rate: p.falsePositiveRate,
        true_positive_rate: p.truePositiveRate,
      })),
    ),
    model_gain: series.flatMap(([who, { gain }]) =>
      thinned(gain).map((p, order) => ({ who, order, share: p.share, gain: p.gain })),
    ),
    model_lift: series.flatMap(([who, { lift }]) =>
      thinned(lift).map((p, order) => ({ who, order, share: p.share, lift: p.lift })),
    ),
    model_calibration: curves.calibration.map((p) => ({
      predicted: p.predicted,
      observed: p.observed,
      rows: p.rows,
      low: p.low ?? null,
      high: p.high ?? null,
    })),
    model_importance: importanceRows(evaluation),
  };
};

const figureRows = ({ figures, baseline, oracle }: Evaluation): readonly Row[] =>
  Object.entries(figures).map(([metric, { value, low, high }]) => ({
    metric,
    model: value,
    low: low ?? null,
    high: high ?? null,
    baseline: baseline.figures[metric]?.value ?? null,
    ...(oracle ? { ceiling: oracle.figures[metric]?.value ?? null } : {}),
  }));

const importanceRows = ({ importance, shap }: Evaluation): readonly Row[] => {
  const whole = importance.reduce((sum, { gain }) => sum + gain, 0);
  const byFeature = new Map(shap.map((row) => [row.feature, row]));
  return importance
    .toSorted((a, b) => b.gain - a.gain || (a.feature < b.feature ? -1 : 1))
    .map(({ feature, gain, splits }) => ({
      feature,
      share_of_gain: whole === 0 ? 0 : gain / whole,
      splits,
      mean_absolute_shap: byFeature.get(feature)?.meanAbsolute ?? null,
      direction: byFeature.get(feature)?.direction ?? null,
    }));
};

/** At most about 120 points, the ends among them: more cannot be seen. */
const thinned = <T>(points: readonly T[], most = 120): readonly T[] => {
  const step = Math.max(1, Math.ceil(points.length / most));
  return points.filter((_, at) => at % step === 0 || at === points.length - 1);
};
