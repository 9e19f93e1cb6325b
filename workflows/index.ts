// Every workflow type there is; nothing else may be exported here, since each export becomes a type that people can start.
export { ingest } from './ingest.ts';
export { run } from './run.ts';
export { score } from './score.ts';
export { train } from './train.ts';
export { transform } from './transform.ts';
