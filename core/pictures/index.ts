// All pictures of one version, by file name, from its evaluation: for the registration stage and the report.
import type { Evaluation, Figure } from '../model-package.ts';
import { calibrationPicture } from './calibration.ts';
import type { Curves } from './curves.ts';
import { gainPicture } from './gain.ts';
import { importancePicture } from './importance.ts';
import { liftPicture } from './lift.ts';
import { rocPicture } from './roc.ts';
import type { Contenders } from './series.ts';
import { shapPicture } from './shap.ts';
import type { Picture } from './theme.ts';

export type { Picture } from './theme.ts';

/** Only what the evaluation holds is drawn: no calibration points, no picture of them. */
export const evaluationPictures = (evaluation: Evaluation): ReadonlyMap<string, Picture> => {
  const { curves, importance, shap, figures } = evaluation;
  const pictures = new Map<string, Picture>([
    ['roc', rocPicture(contenders(evaluation, 'roc'), beside(evaluation, 'roc_auc', 'ROC-AUC'))],
    ['gain', gainPicture(contenders(evaluation, 'gain'), gainFound(evaluation))],
    ['lift', liftPicture(contenders(evaluation, 'lift'), beside(evaluation, 'lift_at_5', 'Lift at 5 %'))],
  ]);
  if (curves.calibration.length > 0) {
    pictures.set('calibration', calibrationPicture(curves.calibration, single('Brier score', figures.brier)));
  }
  if (importance.length > 0) pictures.set('importance', importancePicture(importance, `${importance.length} features`));
  if (shap.length > 0) pictures.set('shap', shapPicture(shap, 'On a sample of the test rows'));
  return pictures;
};

type Drawn = Exclude<keyof Curves, 'calibration'>;

const contenders = <K extends Drawn>(evaluation: Evaluation, curve: K): Contenders<Curves[K][number]> => ({
  model: evaluation.curves[curve],
  baseline: evaluation.baseline.curves[curve],
  ceiling: evaluation.oracle?.curves[curve],
  baselineName: evaluation.baseline.name,
});

const beside = ({ figures, baseline, oracle }: Evaluation, name: string, label: string): string =>
  [single(label, figures[name]), single('rule', baseline.figures[name]), single('ceiling', oracle?.figures[name])]
    .filter((part) => part !== '')
    .join(' · ');

const gainFound = ({ curves }: Evaluation): string => {
  const tenth = curves.gain.find(({ share }) => share >= 0.1);
  return tenth === undefined ? '' : `The best tenth holds ${(tenth.gain * 100).toFixed(0)} % of the positives`;
};

const single = (label: string, figure: Figure | undefined): string => {
  if (figure === undefined) return '';
  const { value, low, high } = figure;
  const interval = low === undefined || high === undefined ? '' : ` (${low.toFixed(3)}–${high.toFixed(3)})`;
  return `${label} ${value.toFixed(3)}${interval}`;
};
