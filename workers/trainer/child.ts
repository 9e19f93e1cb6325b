// The training child process: LightGBM's native calls block a thread for seconds and may crash, so they live here, killable at any moment.
import { serveJob } from './fork.ts';
import { TrainRequest } from './protocol.ts';
import { trainModel } from './training.ts';

serveJob(TrainRequest, (request, tell) =>
  trainModel(request, (done) => tell({ stage: 'train', done, total: request.rounds, unit: 'rounds' })),
);
