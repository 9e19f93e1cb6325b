// prod: written by its service principal alone; histories are kept for a month, the registry is the lasting record.
import type { Extent } from './extent.ts';

export const prod: Extent = {
  computeSlots: 1,
  duckdbThreads: 2,
  duckdbMemoryShare: 0.25,
  retentionDays: 30,
  promotion: { approvals: 1, maxAgeDays: 90, maxPackageBytes: 100_000_000 },
};
