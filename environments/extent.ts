// What one environment may differ in: how much, never what. For dev.ts, staging.ts and prod.ts.
import type { PromotionPolicy } from '../core/promotion/policy.ts';

export interface Extent {
  /** Heavy steps at once in one worker process. Each fills two cores: on two, two at once were measured to be slower than one by one. */
  readonly computeSlots: number;
  /** DuckDB threads of one activity. */
  readonly duckdbThreads: number;
  /** What the DuckDB of one activity may take of the machine's memory, or of the container's; above it, it spills to disk. */
  readonly duckdbMemoryShare: number;
  /** Days Temporal keeps the history of a closed workflow. */
  readonly retentionDays: number;
  /** What it demands of whatever is promoted into it. */
  readonly promotion: PromotionPolicy;
}
