// How good the propensity model is: beside the rule a person would use, and beside the ceiling where the data know it.
import { count, numberIn, percent, textIn } from '../../../core/report/words.ts';
import type { Page, Row } from '../../../core/use-case.ts';
import { calibration, gain, importance, lift, roc } from './curves.ts';

type Rows = Readonly<Record<string, readonly Row[]>>;

const figureNamed = (rows: Rows, name: RegExp): Row | undefined =>
  rows.model_figures?.find((row) => name.test(textIn(row, 'metric')));

const interval = (row: Row, digits: number): string =>
  row.low === null || row.high === null
    ? ''
    : ` (95 % interval ${numberIn(row, 'low').toFixed(digits)} to ${numberIn(row, 'high').toFixed(digits)})`;

const ranking = (auc: Row, baseline: string): string => {
  const model = numberIn(auc, 'model');
  const rule = auc.baseline === null ? undefined : numberIn(auc, 'baseline');
  const verb = rule === undefined || model > rule ? 'ranks' : 'does not beat the rule: it ranks';
  return `The model ${verb} customers with a ROC-AUC of ${model.toFixed(3)}${interval(auc, 3)}${
    rule === undefined ? '' : `; ${baseline} reaches ${rule.toFixed(3)}`
  }.`;
};

const ceiling = (auc: Row): readonly string[] =>
  auc.ceiling === undefined || auc.ceiling === null
    ? []
    : [
        `Nobody could rank better than ${numberIn(auc, 'ceiling').toFixed(3)} from what is observable: the model is ${Math.abs(numberIn(auc, 'ceiling') - numberIn(auc, 'model')).toFixed(3)} away.`,
      ];

const findings = (rows: Rows): readonly string[] => {
  const [judged] = rows.model ?? [];
  const auc = figureNamed(rows, /^roc_?auc$/);
  if (!judged || !auc) return ['No model was judged in this run.'];
  const lift5 = figureNamed(rows, /^lift(_at)?_?5\D*$/);
  const recall10 = figureNamed(rows, /^recall(_at)?_?10\D*$/);
  return [
    ranking(auc, textIn(judged, 'baseline')),
    ...(lift5
      ? [
          `The best-scored 5 % of customers buy ${numberIn(lift5, 'model').toFixed(2)} times as often as the average${interval(lift5, 2)}.`,
        ]
      : []),
    ...(recall10
      ? [`Writing to the best-scored 10 % reaches ${percent(numberIn(recall10, 'model'))} of the buyers.`]
      : []),
    ...ceiling(auc),
    `Judged at ${textIn(judged, 'tested_at')} on ${count(numberIn(judged, 'rows'))} customers the training never saw, ${count(numberIn(judged, 'positives'))} of whom bought.`,
  ];
};

export const model: Page = {
  name: 'model',
  title: 'The propensity model',
  question: 'Can we tell beforehand who will buy?',
  queries: {},
  findings,
  charts: [gain, lift, roc, calibration, importance],
};
