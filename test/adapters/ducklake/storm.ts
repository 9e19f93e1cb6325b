// The commit storm: many processes commit to one catalog at once while some are killed and started again. For two tiers of test.
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { randomStream } from '../../../core/random.ts';
import { type Environment, settingsOf } from '../../../environments/environment.ts';

export interface Storm {
  readonly processes: number;
  readonly commits: number;
  readonly kills: number;
  readonly seed: number;
}

export interface Acknowledged {
  readonly who: string;
  readonly commit: number;
  readonly key: string;
  readonly snapshot: number;
}

export interface Aftermath {
  /** Every acknowledgement that reached the outside. */
  readonly acknowledged: readonly Acknowledged[];
  /** Kills that hit a process at work. */
  readonly landed: number;
}

/** Runs every process to its end, whatever happens to it on the way. */
export const storm = async (
  environment: Environment,
  { processes, commits, kills, seed }: Storm,
): Promise<Aftermath> => {
  const acknowledged: Acknowledged[] = [];
  const running = new Map<number, ChildProcess>();
  let landed = 0;
  const live = (who: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(path.join(import.meta.dirname, 'committer.ts'), [String(who), String(commits)], {
        execArgv: ['--import', 'tsx'],
        env: { ...process.env, ...settingsOf(environment) },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      running.set(who, child);
      child.on('message', (message) => acknowledged.push(message as Acknowledged));
      child.once('exit', (code, killedBy) => {
        running.delete(who);
        if (killedBy === 'SIGKILL') live(who).then(resolve, reject);
        else if (code === 0) resolve();
        else reject(new Error(`committer ${who} ended with exit code ${code}`));
      });
    });
  const all = Promise.all(Array.from({ length: processes }, (_, who) => live(who)));
  const random = randomStream(seed);
  for (let kill = 0; kill < kills && running.size > 0; kill += 1) {
    await new Promise((next) => setTimeout(next, 300 + random() * 900));
    const victims = [...running.values()];
    const victim = victims[Math.floor(random() * victims.length)];
    if (victim?.kill('SIGKILL')) landed += 1;
  }
  await all;
  return { acknowledged, landed };
};
