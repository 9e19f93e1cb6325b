// Where tests may kill a worker: each activity's labelled points, once each, remembered in a folder so that the retry passes.
// Without a folder (production) it does nothing.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { Context } from '@temporalio/activity';
import type { CrashPoint } from '../activities/deps.ts';

/** Kills the process at each point it has not been killed at before. The mark is on disk before the kill. */
export const crashPoints = (folder: string | undefined): CrashPoint => {
  if (folder === undefined) return () => undefined;
  mkdirSync(folder, { recursive: true });
  return (point) => {
    const mark = path.join(folder, `${Context.current().info.activityType}.${point}`);
    if (existsSync(mark)) return;
    const file = openSync(mark, 'wx');
    fsyncSync(file);
    closeSync(file);
    process.kill(process.pid, 'SIGKILL');
  };
};
