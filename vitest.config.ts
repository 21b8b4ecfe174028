import { defineConfig } from 'vitest/config';

const seconds = (n: number): number => n * 1000;
const timeouts = (n: number) => ({ testTimeout: seconds(n), hookTimeout: seconds(n) });

/**
 * One project a kind of test; `npm test` runs them in this order, each in a vitest of its own.
 * e2e and failure start whole stacks on two cores, so their files run one after another.
 */
export default defineConfig({
  test: {
    allowOnly: false,
    pool: 'forks',
    coverage: { provider: 'v8', include: ['src/**/*.ts'], exclude: ['**/*.test.ts'] },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'tools/**/*.test.ts',
            'test/unit/**/*.test.ts',
            'test/support/**/*.test.ts',
            'test/bench/**/*.test.ts',
            'test/chaos/**/*.test.ts',
            'test/recovery/**/*.test.ts',
          ],
          ...timeouts(20),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'contract',
          // They wait for servers more than they work: two at a time, on two cores as well.
          maxWorkers: 2,
          include: ['test/{contract,acs,simulator,speech,record,stack}/**/*.test.ts'],
          ...timeouts(60),
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          fileParallelism: false,
          ...timeouts(300),
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'failure',
          include: ['test/failure/**/*.test.ts'],
          fileParallelism: false,
          ...timeouts(300),
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
