// Every workflow type there is; nothing else may be exported here, since each export becomes a type that people can start.
export { alert } from './alert.ts';
export { rollbackData, tagData, untagData } from './data.ts';
export { ingest } from './ingest.ts';
export { maintain } from './maintain.ts';
export { collectPredictions } from './predictions.ts';
export { promote } from './promote.ts';
export { reconcile } from './reconcile.ts';
export { refresh } from './refresh.ts';
export { reproduce } from './reproduce.ts';
export { rollback } from './rollback.ts';
export { run } from './run.ts';
export { score } from './score.ts';
export { sweep } from './sweep.ts';
export { train } from './train.ts';
export { transform } from './transform.ts';
export { watch } from './watch.ts';
