// A verified model as serving asks it: a few rows by its trees, many by ONNX Runtime, the reasons by SHAP.
import type { InputVector } from '../../core/learning/input-vector.ts';
import { rawScore } from '../../core/learning/tree-model.ts';
import { type Trees, walkedScore } from '../../core/learning/tried-trees.ts';
import type { Signature } from '../../core/model-package.ts';
import type { FeatureValues, LoadedModel, Reasons } from '../ports.ts';
import type { OpenExplainer } from './explainer.ts';

/** The part of an ONNX session that scores. */
export interface Probabilities {
  score(matrix: Float64Array, rows: number): Promise<{ readonly probability: Float64Array }>;
}

export type Scoring = Pick<LoadedModel, 'score' | 'scoreMany' | 'scorer' | 'explain'>;

/** Up to so many rows the trees are done before ONNX Runtime's thread has begun. */
const FEW = 16;

export const scoringOf = (
  signature: Signature,
  vector: InputVector,
  session: Probabilities,
  trees: Trees,
  explainer?: Pick<OpenExplainer, 'explain'>,
): Scoring => {
  const scoreMany = async (rows: readonly FeatureValues[]): Promise<Float64Array> => {
    const matrix = new Float64Array(rows.length * vector.width);
    for (const [i, row] of rows.entries()) vector.write(row, matrix, i * vector.width);
    return (await session.score(matrix, rows.length)).probability;
  };
  if ('why' in trees) {
    const score = async (row: FeatureValues) => (await scoreMany([row]))[0] ?? Number.NaN;
    return { scorer: `onnx (${trees.why})`, score, scoreMany };
  }
  const { model } = trees;
  const walked = walkedScore(signature, vector, model);
  return {
    scorer: 'trees',
    scoreMany: (rows) => (rows.length <= FEW ? rows.map(walked) : scoreMany(rows)),
    score: async (values) => walked(values),
    ...(explainer && {
      explain: async (rows) => {
        const vectors = rows.map(vector.row);
        const found = await explainer.explain(vectors);
        return found.map(({ expected, contributions }, i): Reasons => {
          const named = signature.features.map(({ name }, at): [string, number] => [name, contributions[at] ?? 0]);
          return { expected, raw: rawScore(model, vectors[i] ?? vector.row({})), contributions: named };
        });
      },
    }),
  };
};
