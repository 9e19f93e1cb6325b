// The test tiers: `pure` needs no server (part of `npm run check`), `real` runs on the real parts, `campaign` is long and run by hand.
import { defineConfig } from 'vitest/config';

const forks = { pool: 'forks' as const };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...forks,
          // Pure tests share nothing that one of them changes: a process reads the modules once, for all its files.
          isolate: false,
          maxWorkers: '100%',
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.{real,campaign}.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          ...forks,
          name: 'real',
          include: ['test/**/*.real.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          ...forks,
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
