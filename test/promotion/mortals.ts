// Worker processes that die and are replaced at once, two for an environment, so that one is always there to take over.
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { Worker } from '@temporalio/worker';
import { childVariables, settingsOf } from '../../environments/environment.ts';
import { queues } from '../../workflows/names.ts';
import type { Place, World } from './world.ts';

const CHILD = path.join(import.meta.dirname, 'worker-child.ts');

export interface Mortals {
  /** Processes that were killed so far. */
  deaths(): number;
  /** Kills the one that has served longest, wherever it is at work. */
  kill(): void;
  /** Throws if a worker ended otherwise than by a kill. */
  stop(): Promise<void>;
}

/** Activities in processes of their own; workflows in this one, which nobody kills. */
export const startMortals = async (world: World, place: Place, marks: string, many = 2): Promise<Mortals> => {
  const alive = new Set<ChildProcess>();
  const ready = new Set<ChildProcess>();
  let deaths = 0;
  let stopped = false;
  let fault: Error | undefined;
  const spawn = (): Promise<void> =>
    new Promise((resolve) => {
      const child = fork(CHILD, [place.environment.name, marks], {
        execArgv: ['--import', 'tsx'],
        env: childVariables(settingsOf(place.environment)),
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      alive.add(child);
      child.once('message', () => {
        ready.add(child);
        resolve();
      });
      child.once('exit', (code, signal) => {
        alive.delete(child);
        ready.delete(child);
        if (stopped) return;
        if (signal === 'SIGKILL') deaths += 1;
        else fault = new Error(`a worker ended by itself with ${code ?? signal}`);
        void spawn();
      });
    });
  await Promise.all(Array.from({ length: many }, spawn));
  const workflows = await Worker.create({
    connection: world.native,
    namespace: place.environment.temporal.namespace,
    taskQueue: queues.light,
    workflowBundle: { codePath: world.bundle },
  });
  const running = workflows.run();
  return {
    deaths: () => deaths,
    kill: () => void [...ready][0]?.kill('SIGKILL'),
    stop: async () => {
      stopped = true;
      workflows.shutdown();
      await running;
      await Promise.all(
        [...alive].map((child) => {
          const gone = new Promise((resolve) => child.once('exit', resolve));
          child.kill('SIGKILL');
          return gone;
        }),
      );
      if (fault) throw fault;
    },
  };
};
