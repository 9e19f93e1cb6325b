// A run that starts from a data version: its tables as they were tagged, so that only training is left to do. The lake's present tables,
// scores and reports speak of the present data and stay as they are.
import * as wf from '@temporalio/workflow';
import type { CheckedInput } from '../activities/input.ts';
import type { RunSummary } from '../core/run.ts';
import { attributes } from './names.ts';
import { light, type Patience } from './proxies.ts';
import { modelNote, summaryOf } from './run-notes.ts';
import type { StageBoard } from './stage-board.ts';
import { child, given, inTurn } from './stages.ts';
import { train } from './train.ts';

/** Trains every model of the tag's source on the tagged features. */
export const runFromTag = async (
  { useCase, tag, seed, source, asOf, truth }: CheckedInput & { readonly tag: string },
  board: StageBoard,
  patience: Patience,
): Promise<RunSummary> => {
  const quick = light(patience);
  board.skip('ingest', `from the data version ${tag}`);
  const plan = async () => {
    const asked = { tag, useCase, ...given({ source }) };
    const tagged = await quick.readTag.executeWithOptions({ summary: `read the tag ${tag}` }, [asked]);
    const want = { useCase, seed, source: tagged.source };
    const brief = await quick.resolvePlan.executeWithOptions({ summary: 'resolve the plan' }, [want]);
    const { pins } = tagged;
    const cut = { plan: brief.plan, pins, ...given({ asOf }) };
    return { brief, pins, ...(await quick.tagMoments.executeWithOptions({ summary: 'find the cuts' }, [cut])) };
  };
  const planned = await board.run('plan', plan, ({ moments: m }) => `as of ${m.asOf}, tested at ${m.split.test}`);
  wf.upsertSearchAttributes([{ key: attributes.asOf, value: new Date(`${planned.moments.asOf}T00:00:00Z`) }]);
  board.skip('transform', 'the tables as they were tagged');
  const trainOne = (model: string) =>
    child(train, `train/${model}`, { ...planned, ...patience, model, ...given({ truth }) });
  const trained = await board.run('train', () => inTurn(planned.brief.models, trainOne), modelNote);
  board.skip('score', 'the present scores stay');
  board.skip('report', 'the present report stays');
  wf.upsertSearchAttributes([{ key: attributes.outcome, value: 'completed' }]);
  return summaryOf({
    useCase,
    moments: planned.moments,
    arrived: null,
    shaped: { pins: planned.pins, summary: { built: 0, reused: 0, because: [] } },
    trained,
    scored: [],
    report: { file: '', headlines: [], segments: {} },
  });
};
