#!/usr/bin/env node
// The program's door: loads the TypeScript sources as they are.
import { register } from 'tsx/esm/api';

register();
await import('./main.ts');
