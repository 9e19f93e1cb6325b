// The judging child process: native predictions block a thread for seconds and may crash, so they live here.
import { serveJob } from './fork.ts';
import { JudgeRequest } from './judge-protocol.ts';
import { judgeModel } from './judging.ts';

serveJob(JudgeRequest, judgeModel);
