#!/usr/bin/env node
/**
 * `npm test`: everything, on a fresh clone too. Ends with the line `N passed, N failed`, in which each
 * static step counts as one.
 *
 *   npm test                         all parts, in order
 *   npm test -- unit contract        these parts: static, unit, contract, e2e, failure
 *   npm test -- e2e -t 'second call' vitest's own arguments follow from the first that is no part
 */
import { bootstrap } from './bootstrap.mjs';
import { ensurePackages } from './quality/packages.mjs';
import { runSteps, STATIC_STEPS } from './quality/steps.mjs';
import { PROJECTS, runProject } from './quality/vitest.mjs';

const PARTS = ['static', ...PROJECTS];
const say = (line) => process.stdout.write(`${line}\n`);

const given = process.argv.slice(2);
const firstOther = given.findIndex((word) => !PARTS.includes(word));
const named = firstOther === -1 ? given : given.slice(0, firstOther);
const args = firstOther === -1 ? [] : given.slice(firstOther);
const filtered = args.length > 0;
// With a filter and no part named, a static step would answer a question nobody asked.
const wanted = named.length > 0 ? named : filtered ? PROJECTS : PARTS;
const parts = PARTS.filter((part) => wanted.includes(part));

const total = { passed: 0, failed: 0 };
const complaints = [];
const add = ({ passed, failed }) => {
  total.passed += passed;
  total.failed += failed;
};
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(0)} s`;

const begin = performance.now();
try {
  await bootstrap({ build: false, say });
  let built = false;
  for (const part of parts) {
    if (!built && part !== 'static' && part !== 'unit') {
      // Not before: what does not compile still deserves to hear all that the first parts find.
      await bootstrap({ build: true, say });
      await ensurePackages(say);
      built = true;
    }
    const started = performance.now();
    say(`\n== ${part}`);
    const counts =
      part === 'static' ? await runSteps(STATIC_STEPS, say) : await runProject(part, { args, filtered });
    add(counts);
    for (const complaint of counts.complaints ?? []) complaints.push(`${part}: ${complaint}`);
    say(`== ${part}: ${counts.passed} passed, ${counts.failed} failed, ${seconds(started)}`);
    if (process.exitCode) break; // interrupted
  }
  if (total.passed + total.failed === 0) {
    total.failed += 1;
    complaints.push(`no test matches ${args.join(' ')}`);
  }
} catch (error) {
  total.failed += 1;
  complaints.push(error instanceof Error ? error.message : String(error));
}
for (const complaint of complaints) say(`FAIL ${complaint}`);
say(`in ${seconds(begin)}`);
say(`${total.passed} passed, ${total.failed} failed`);
if (total.failed > 0) process.exitCode ||= 1;
