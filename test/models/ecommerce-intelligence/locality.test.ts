// Incremental tables equal those rebuilt whole: a few random histories, enough to find each kind of broken locality once.
import { expect, test } from 'vitest';
import { INCREMENTAL, incrementalEqualsWhole } from './locality.ts';

test('incremental equals whole', () => incrementalEqualsWhole(10, 7), 120_000);

test('an incremental table reads no setting of the run: time passing must not change rows that nobody touched', () => {
  for (const { sql } of INCREMENTAL) expect(sql).not.toContain('getvariable');
});
