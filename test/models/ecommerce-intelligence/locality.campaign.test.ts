// Incremental tables equal those rebuilt whole, over hundreds of random histories.
import { test } from 'vitest';
import { incrementalEqualsWhole } from './locality.ts';

test('incremental equals whole', () => incrementalEqualsWhole(500, 11));
