// The whole way of one use case: files in, a served prediction out. People start this one.
import * as wf from '@temporalio/workflow';
import type { RunInput, RunSummary } from '../core/run.ts';
import { ingest } from './ingest.ts';
import { attributes } from './names.ts';
import { compute, light, type Patience } from './proxies.ts';
import { ingestNote, modelNote, scoreNote, scoresOf, summaryOf } from './run-notes.ts';
import { score } from './score.ts';
import { stageBoard } from './stage-board.ts';
import { child, given, inTurn } from './stages.ts';
import { runFromTag } from './tagged-run.ts';
import { train } from './train.ts';
import { transform } from './transform.ts';

const STAGES = ['ingest', 'plan', 'transform', 'train', 'score', 'report'] as const;

/** Runs a use case. `{}` is a valid input: see RunInput. */
export async function run(input: RunInput): Promise<RunSummary> {
  const patience: Patience = input?.lostAfterSeconds === undefined ? {} : { lostAfterSeconds: input.lostAfterSeconds };
  const [quick, heavy] = [light(patience), compute(patience)];
  const request = await quick.checkInput.executeWithOptions({ summary: 'check the input' }, [input ?? {}]);
  const { useCase, path, asOf, seed, truth, knownAt, tag } = request;
  const board = stageBoard(useCase, STAGES);
  wf.upsertSearchAttributes([{ key: attributes.useCase, value: useCase }]);
  if (tag !== undefined) return runFromTag({ ...request, tag }, board, patience);

  const files = { useCase, path: path ?? '', ...given({ source: request.source, knownAt }), ...patience };
  const arrived =
    path === undefined
      ? board.skip('ingest', 'no path given: the lake as it stands')
      : await board.run('ingest', () => child(ingest, 'ingest', files), ingestNote);

  const plan = async () => {
    const asked = { useCase, seed, ...given({ source: arrived?.source ?? request.source }) };
    const brief = await quick.resolvePlan.executeWithOptions({ summary: 'resolve the plan' }, [asked]);
    const now = { plan: brief.plan, ...given({ asOf }) };
    return { brief, ...(await quick.resolveMoments.executeWithOptions({ summary: 'pin bronze' }, [now])) };
  };
  const planned = await board.run('plan', plan, ({ moments: m }) => `as of ${m.asOf}, tested at ${m.split.test}`);
  wf.upsertSearchAttributes([{ key: attributes.asOf, value: new Date(`${planned.moments.asOf}T00:00:00Z`) }]);

  const shape = () => child(transform, 'transform', { ...planned, ...patience });
  const shaped = await board.run('transform', shape, ({ summary: s }) => `built ${s.built}, reused ${s.reused}`);
  const at = { ...planned, pins: shaped.pins, ...patience };

  const trainOne = (model: string) =>
    child(train, `train/${model}`, { ...at, model, online: true, ...given({ truth }) });
  const trained =
    request.train === false
      ? (board.skip('train', 'not asked for: the champion stays') ?? [])
      : await board.run('train', () => inTurn(planned.brief.models, trainOne), modelNote);

  const scoreOne = (model: string) => child(score, `score/${model}`, { ...at, model });
  const scored = await board.run('score', () => inTurn(planned.brief.models, scoreOne), scoreNote);

  const pins = [...shaped.pins, ...scoresOf(scored).map(({ table, snapshot, key }) => ({ table, snapshot, key }))];
  const models = trained.map(({ summary }) => summary);
  const publish = { plan: planned.brief.plan, moments: planned.moments, pins, models, ingest: arrived ?? null };
  const report = await board.run(
    'report',
    () => heavy.reportRun.executeWithOptions({ summary: 'publish the report' }, [publish]),
    ({ file }) => file,
  );
  wf.upsertSearchAttributes([{ key: attributes.outcome, value: 'completed' }]);
  return summaryOf({ useCase, moments: planned.moments, arrived: arrived ?? null, shaped, trained, scored, report });
}
