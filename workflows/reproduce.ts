// Makes a registered version again from what it recorded, and says stage by stage whether the same came out.
import * as wf from '@temporalio/workflow';
import {
  hasDifference,
  type ReproduceInput,
  type Reproduction,
  reproductionOf,
  type StageCheck,
} from '../core/reproduction.ts';
import { compute, light, type Patience } from './proxies.ts';
import { stageBoard } from './stage-board.ts';

const STAGES = ['recall', 'tables', 'training', 'package'] as const;

/** Goes on past a difference as far as it can; what cannot be reached then is said, not failed. */
export async function reproduce(input: ReproduceInput): Promise<Reproduction> {
  const patience: Patience = input.lostAfterSeconds === undefined ? {} : { lostAfterSeconds: input.lostAfterSeconds };
  const [quick, heavy] = [light(patience), compute(patience)];
  const board = stageBoard(`${input.model}@${input.version}`, STAGES);
  const checks: StageCheck[] = [];
  const step = async <T>(
    name: (typeof STAGES)[number],
    work: () => Promise<T>,
    found: (result: T) => readonly StageCheck[],
  ) => {
    const result = await board.run(name, work, (done) => noteOf(found(done)));
    checks.push(...found(result));
    return result;
  };
  const asked = () =>
    quick.recallVersion.executeWithOptions({ summary: `recall ${input.model}@${input.version}` }, [input]);
  const { recalled } = await step('recall', asked, (all) => all.checks);
  const made = async () => {
    if (hasDifference(checks)) return 'its plan is gone';
    const compare = { summary: 'compute its tables again' };
    const tables = await step(
      'tables',
      () => heavy.rebuildTables.executeWithOptions(compare, [{ recalled }]),
      (all) => all.checks,
    );
    const { moments } = tables;
    const train = () => heavy.retrainModel.executeWithOptions({ summary: 'train it again' }, [{ recalled, moments }]);
    const { trained } = await step('training', train, (all) => all.checks);
    const pack = () =>
      heavy.repackModel.executeWithOptions({ summary: 'judge and pack it again' }, [{ recalled, moments, trained }]);
    await step('package', pack, (all) => all);
    return '';
  };
  const why = await made().catch((error: unknown) => {
    if (!hasDifference(checks)) throw error;
    return wf.rootCause(error) ?? 'it could not be made from what came before';
  });
  await heavy.sweepReproduction.executeWithOptions({ summary: 'clear the scratch' }, [{ recalled }]);
  return reproductionOf({ model: input.model, version: input.version, package: recalled.package }, checks, why);
}

const noteOf = (checks: readonly StageCheck[]): string =>
  checks.map(({ stage, state }) => `${stage} ${state}`).join(', ');
