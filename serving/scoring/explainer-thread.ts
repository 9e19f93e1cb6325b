// The thread of explainer.ts: takes rows, gives their reasons; models are told once and kept until they are to be forgotten.
import { parentPort } from 'node:worker_threads';
import type { TreeModel } from '../../core/learning/tree-model.ts';
import { type Contributions, treeShap } from '../../core/learning/tree-shap.ts';

export type ToExplain =
  | {
      readonly id: number;
      readonly key: number;
      readonly rows: readonly Float64Array[];
      /** With the first rows of a model. */
      readonly model?: TreeModel;
    }
  | { readonly forget: number };

export type Explained =
  | { readonly id: number; readonly found: readonly Contributions[] }
  | { readonly id: number; readonly failed: string };

const models = new Map<number, ReturnType<typeof treeShap>>();

const answered = ({ id, key, rows, model }: Exclude<ToExplain, { forget: number }>): Explained => {
  try {
    const shap = (model && treeShap(model)) ?? models.get(key);
    if (!shap) return { id, failed: 'The model is not known' };
    models.set(key, shap);
    return { id, found: rows.map(shap) };
  } catch (error) {
    return { id, failed: String(error) };
  }
};

parentPort?.on('message', (asked: ToExplain) => {
  if ('forget' in asked) models.delete(asked.forget);
  else parentPort?.postMessage(answered(asked));
});
