// Begins the thread of explainer.ts: a thread does not take over from its process how TypeScript is read.
import { tsImport } from 'tsx/esm/api';

await tsImport('./explainer-thread.ts', import.meta.url);
