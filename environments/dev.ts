// dev: open to developers, sized for a laptop.
import type { Extent } from './extent.ts';

export const dev: Extent = {
  computeSlots: 1,
  duckdbThreads: 2,
  duckdbMemoryShare: 0.25,
  retentionDays: 7,
  promotion: { approvals: 0, maxAgeDays: 90, maxPackageBytes: 100_000_000 },
};
