import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bin, run } from './run.mjs';

/** The kinds of tests, in the order in which they run; vitest.config.ts says which files are whose. */
export const PROJECTS = ['unit', 'contract', 'e2e', 'failure'];

/**
 * Counts of one report of vitest's JSON reporter.
 *
 * A file that cannot be loaded counts as one failure, and so does an end that vitest itself calls bad
 * although every test passed (an unhandled rejection, no tests). A skipped test is a failure unless a filter
 * was given: a green run must mean that everything ran.
 * @public test/unit/count-report.test.ts loads it by its path
 * @param {object | undefined} report
 * @param {{ code: number, filtered: boolean }} run
 * @returns {{ passed: number, failed: number, skipped: number, complaints: string[] }}
 */
export function countReport(report, { code, filtered }) {
  const complaints = [];
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for (const file of report?.testResults ?? []) {
    const tests = file.assertionResults ?? [];
    for (const test of tests) {
      if (test.status === 'passed') passed += 1;
      else if (test.status === 'failed') failed += 1;
      else skipped += 1;
    }
    if (file.status === 'failed' && !tests.some((test) => test.status === 'failed')) {
      failed += 1;
      complaints.push(`${file.name}: ${file.message || 'failed outside its tests'}`);
    }
  }
  if (skipped > 0 && !filtered) {
    failed += skipped;
    complaints.push(`${skipped} skipped: each test must run`);
  }
  if (code !== 0 && failed === 0) {
    failed += 1;
    complaints.push(`vitest ended with code ${code}, outside any test`);
  }
  return { passed, failed, skipped, complaints };
}

/**
 * Runs one project with the usual reporter on the terminal. That none of its files exist is no failure here:
 * test/unit/projects.test.ts holds that each test file belongs to a project.
 * @param {string} project
 * @param {{ args?: string[], filtered?: boolean }} options args go to vitest (`-t pattern`, file names)
 * @returns {Promise<{ passed: number, failed: number, skipped: number, complaints: string[] }>}
 */
export async function runProject(project, { args = [], filtered = false } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'rtvoice-test-'));
  const file = join(folder, 'report.json');
  try {
    const { code } = await run(
      bin('vitest'),
      [
        'run',
        '--project',
        project,
        '--retry=0',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${file}`,
        '--passWithNoTests',
        ...args,
      ],
      { inherit: true },
    );
    const text = await readFile(file, 'utf8').catch(() => undefined);
    return countReport(text === undefined ? undefined : JSON.parse(text), { code, filtered });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
