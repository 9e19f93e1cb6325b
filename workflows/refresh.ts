// Brings use cases up to date with what the lake holds: what schedules start at night and at the weekend. Each use case is a run of its own.
import * as wf from '@temporalio/workflow';
import type { RefreshInput, RefreshSummary } from '../core/refresh.ts';
import type { RunSummary } from '../core/run.ts';
import { attributes } from './names.ts';
import { compute } from './proxies.ts';
import { run } from './run.ts';
import { child } from './stages.ts';

/** `{}` is a valid input: see RefreshInput. One use case that fails does not keep the others from theirs; it fails the refresh at the end. */
export async function refresh(input: RefreshInput): Promise<RefreshSummary> {
  const patience = input?.lostAfterSeconds === undefined ? {} : { lostAfterSeconds: input.lostAfterSeconds };
  const plan = compute(patience).planRefresh.executeWithOptions({ summary: 'look what there is' }, [input ?? {}]);
  const { useCases, without, train } = await plan;
  const done: RefreshSummary['useCases'][number][] = [];
  const failed: string[] = [];
  for (const useCase of useCases) {
    wf.setCurrentDetails(`**${useCase}**, ${done.length + failed.length + 1} of ${useCases.length}`);
    const asked = { useCase, ...patience, ...(train ? {} : { train }) };
    try {
      done.push(brief(await child(run, useCase, asked)));
    } catch (error) {
      if (wf.isCancellation(error)) throw error;
      failed.push(`${useCase}: ${wf.rootCause(error)}`);
    }
  }
  const outcome = failed.length === 0 ? 'completed' : 'failed';
  wf.upsertSearchAttributes([{ key: attributes.outcome, value: outcome }]);
  wf.setCurrentDetails([...done.map(line), ...failed].join('\n\n') || 'the lake holds no data of any use case');
  if (failed.length > 0) throw wf.ApplicationFailure.nonRetryable(failed.join('; '), 'REFRESH_FAILED');
  return { useCases: done, without };
}

const brief = ({ useCase, transform, models, scored }: RunSummary): RefreshSummary['useCases'][number] => ({
  useCase,
  built: transform.built,
  reused: transform.reused,
  models: models.map(({ model, version, reasons }) => `${model} version ${version}: ${reasons.join('; ')}`),
  scored,
});

const line = ({ useCase, built, reused, models, scored }: RefreshSummary['useCases'][number]): string =>
  `**${useCase}** built ${built}, reused ${reused}, scored ${scored}${models.length === 0 ? '' : `, ${models.join(', ')}`}`;
