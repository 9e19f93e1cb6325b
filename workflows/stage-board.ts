// The run's page: which stage it is in, kept for the query `progress`, the current details in the UI, and the search attributes.
import * as wf from '@temporalio/workflow';
import type { RunProgress, StageState } from '../core/run.ts';
import { attributes } from './names.ts';

export const progressQuery = wf.defineQuery<RunProgress>('progress');

/** How far a child has come: the answer to its query `part`. */
export interface Part {
  readonly done: number;
  readonly total: number;
  readonly now: string;
}

export const partQuery = wf.defineQuery<Part>('part');

/** Answers `part` from now on; call the result with each step. */
export const partsOf = (total: number): ((done: number, now: string) => void) => {
  let part: Part = { done: 0, total, now: '' };
  wf.setHandler(partQuery, () => part, {
    description: 'How many of the parts are done, and the present one. Takes no argument.',
  });
  return (done, now) => {
    part = { done, total, now };
    wf.setCurrentDetails(`**${done} of ${total}** · ${now}`);
  };
};

const MARK: Readonly<Record<StageState, string>> = { waiting: '○', running: '▶', done: '✔', skipped: '–', failed: '✘' };

interface Stage {
  name: string;
  state: StageState;
  note: string;
  startedAt?: number;
  endedAt?: number;
}

export interface StageBoard {
  /** Runs one stage: marks it, and notes what came of it. */
  run<T>(name: string, work: () => Promise<T>, note: (result: T) => string): Promise<T>;
  /** Marks a stage that has nothing to do. */
  skip(name: string, why: string): undefined;
  /** A line above the stages, e.g. where to look. */
  headline(markdown: string): void;
}

export const stageBoard = (useCase: string, names: readonly string[]): StageBoard => {
  const stages: Stage[] = names.map((name) => ({ name, state: 'waiting', note: '' }));
  let head = `**${useCase}**`;
  const show = () => {
    const lines = stages.map(
      ({ name, state, note }) => `- ${MARK[state]} **${name}**${note === '' ? '' : ` · ${note}`}`,
    );
    wf.setCurrentDetails(`${head}\n\n${lines.join('\n')}`);
  };
  const mark = (name: string, state: StageState, note = '') => {
    const stage = stages.find((candidate) => candidate.name === name);
    if (!stage) throw wf.ApplicationFailure.nonRetryable(`no stage named ${name}`, 'UNKNOWN_NAME');
    Object.assign(stage, { state, note }, state === 'running' ? { startedAt: Date.now() } : { endedAt: Date.now() });
    show();
  };
  wf.setHandler(progressQuery, () => ({ useCase, stages }), {
    description: 'Stages of this run, each with its state and what came of it. Takes no argument.',
  });
  show();
  return {
    async run(name, work, note) {
      mark(name, 'running');
      wf.upsertSearchAttributes([{ key: attributes.stage, value: name }]);
      try {
        const result = await work();
        mark(name, 'done', note(result));
        return result;
      } catch (error) {
        mark(name, 'failed', error instanceof Error ? rootMessage(error) : String(error));
        throw error;
      }
    },
    skip: (name, why) => {
      mark(name, 'skipped', why);
      return undefined;
    },
    headline(markdown) {
      head = markdown;
      show();
    },
  };
};

const rootMessage = (error: Error): string => (error.cause instanceof Error ? rootMessage(error.cause) : error.message);
