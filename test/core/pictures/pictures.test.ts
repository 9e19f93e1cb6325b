// The pictures of a version: each shows the model beside the rule (and the ceiling, and chance), titled, with units, in safe colours.
import { describe, expect, it } from 'vitest';
import { renderSvg } from '../../../adapters/vega/render.ts';
import { evaluationPictures } from '../../../core/pictures/index.ts';
import { picturesPage } from '../../../core/pictures/page.ts';
import { shapPicture } from '../../../core/pictures/shap.ts';
import { sampleEvaluation } from '../sample-evaluation.ts';

const evaluation = sampleEvaluation();
const { oracle: _, ...withoutOracle } = evaluation;

const rendered = async (name: string, given = evaluation): Promise<string> => {
  const spec = evaluationPictures(given).get(name);
  if (!spec) throw new Error(`no picture ${name}`);
  return renderSvg(spec);
};

describe('evaluationPictures', () => {
  it('draws all six, and none without points', () => {
    const names = ['roc', 'gain', 'lift', 'calibration', 'importance', 'shap'];
    expect([...evaluationPictures(evaluation).keys()]).toEqual(names);
    const bare = { ...evaluation, importance: [], shap: [], curves: { ...evaluation.curves, calibration: [] } };
    expect([...evaluationPictures(bare).keys()]).toEqual(names.slice(0, 3));
  });

  it.each([
    ['roc', 'ROC curve', 'ROC-AUC 0.780 (0.760–0.800) · rule 0.710'],
    ['gain', 'Cumulative gain', 'of the positives'],
    ['lift', 'Lift', 'Lift at 5 % 3.100'],
  ])('%s shows model, rule, ceiling and chance', async (name, title, found) => {
    const svg = await rendered(name);
    for (const words of [title, found, 'Model', 'Rule: recency-frequency', 'Ceiling (true probabilities)', 'Chance']) {
      expect(svg).toContain(`>${words}`.slice(words === found ? 1 : 0));
    }
    for (const colour of ['#0072B2', '#D55E00', '#009E73']) expect(svg).toContain(colour);
  });

  it('leaves the ceiling out where nobody knows it', async () => {
    expect(await rendered('roc', withoutOracle)).not.toContain('Ceiling');
  });

  it.each([
    ['calibration', 'Mean predicted probability (%)'],
    ['importance', 'recency_days'],
    ['shap', 'Larger values lower it'],
  ])('%s has its axis and names', async (name, words) => {
    expect(await rendered(name)).toContain(words);
  });

  it('draws SHAP in one colour where no direction was measured', async () => {
    const svg = await renderSvg(
      shapPicture(
        evaluation.shap.map((row) => ({ ...row, direction: null })),
        '',
      ),
    );
    expect(svg).toContain('#0072B2');
    expect(svg).not.toContain('Neither');
  });

  it('is a pure function', () => {
    expect(evaluationPictures(sampleEvaluation())).toEqual(evaluationPictures(sampleEvaluation()));
  });
});

describe('picturesPage', () => {
  it('escapes its title and keeps the ids of its drawings apart', async () => {
    const svg = await rendered('roc');
    const page = picturesPage(
      '<script>',
      new Map([
        ['one', svg],
        ['two', svg],
      ]),
    );
    expect(page).not.toContain('<script');
    const ids = [...page.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
