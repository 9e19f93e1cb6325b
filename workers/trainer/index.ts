// The trainer that workers give to activities: each job in a child process of its own.
import { fileURLToPath } from 'node:url';
import type { Trainer } from '../../core/learning/job.ts';
import { runJob } from './fork.ts';
import { JudgeResult } from './judge-protocol.ts';
import { ParityResult } from './parity-protocol.ts';
import { TrainResult } from './protocol.ts';

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export const trainer: Trainer = {
  train: (request, options) => runJob({ child: file('./child.ts'), request, result: TrainResult }, options),
  judge: (request, options) => runJob({ child: file('./judge-child.ts'), request, result: JudgeResult }, options),
  parity: (request, options) => runJob({ child: file('./parity-child.ts'), request, result: ParityResult }, options),
};
