/** What the line "N passed, N failed" counts. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly complaints: readonly string[];
}
type CountReport = (report: object | undefined, run: { code: number; filtered: boolean }) => Counts;

const tool: { countReport: CountReport } = await import(
  pathToFileURL(resolve('tools/quality/vitest.mjs')).href
);

const file = (status: string, tests: readonly string[], message = ''): object => ({
  name: 'some.test.ts',
  status,
  message,
  assertionResults: tests.map((test) => ({ status: test })),
});
const count = (files: readonly object[], code = 0, filtered = false): Counts =>
  tool.countReport({ testResults: files }, { code, filtered });

it('sums over files', () => {
  const files = [file('passed', ['passed', 'passed']), file('failed', ['passed', 'failed'])];
  expect(count(files, 1)).toEqual({ passed: 3, failed: 1, skipped: 0, complaints: [] });
});

it('takes a file that cannot be loaded for a failure', () => {
  expect(count([file('failed', [], 'SyntaxError')], 1)).toMatchObject({
    failed: 1,
    complaints: ['some.test.ts: SyntaxError'],
  });
});

it('takes an end outside any test for a failure', () => {
  expect(count([file('passed', ['passed'])], 1)).toMatchObject({ passed: 1, failed: 1 });
  expect(tool.countReport(undefined, { code: 1, filtered: false })).toMatchObject({ passed: 0, failed: 1 });
});

it.each(['skipped', 'pending', 'todo'])(
  'takes a %s test for a failure, unless a filter left it out',
  (status) => {
    const files = [file('passed', ['passed', status])];
    expect(count(files)).toMatchObject({ passed: 1, failed: 1, skipped: 1 });
    expect(count(files, 0, true)).toMatchObject({ passed: 1, failed: 0, skipped: 1 });
  },
);

it('counts nothing where there is nothing', () => {
  expect(tool.countReport(undefined, { code: 0, filtered: false })).toMatchObject({ passed: 0, failed: 0 });
});
