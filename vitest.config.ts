// The test tiers: `pure` needs no server (part of `npm run check`), `real` runs on the real parts, `campaign` is long and run by hand.
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** A test that waits for something waits long: how fast the machine is decides nothing. */
const common = { pool: 'forks' as const, expect: { poll: { timeout: 60_000 } } };

/** Files that take minutes, whatever their size: begun last, they would be waited for alone. */
const LONGEST = /test\/crash\//;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => LONGEST.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...common,
          // Pure tests share nothing that one of them changes: a process reads the modules once, for all its files.
          isolate: false,
          maxWorkers: '100%',
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.{real,campaign}.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          ...common,
          name: 'real',
          include: ['test/**/*.real.test.ts'],
          // Each file starts servers of its own, and waits for them half of its time.
          maxWorkers: 2,
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          ...common,
          name: 'campaign',
          include: ['test/**/*.campaign.test.ts'],
          fileParallelism: false,
          testTimeout: 7_200_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
