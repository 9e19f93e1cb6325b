// staging: written by its service principal and admins, swept on a schedule; sized like prod so that a rehearsal means something.
import type { Extent } from './extent.ts';

export const staging: Extent = {
  computeSlots: 1,
  duckdbThreads: 2,
  duckdbMemoryShare: 0.25,
  retentionDays: 14,
  promotion: { approvals: 0, maxAgeDays: 90, maxPackageBytes: 100_000_000 },
};
