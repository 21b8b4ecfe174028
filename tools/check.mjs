#!/usr/bin/env node
/**
 * `npm run check`: what to run before a commit; under a minute. Everything that can be judged without
 * starting a process of the system: format, lint, promises, types, layers, dead code, unit tests.
 */
import { bootstrap } from './bootstrap.mjs';
import { bin } from './quality/run.mjs';
import { runSteps, STATIC_STEPS } from './quality/steps.mjs';

const say = (line) => process.stdout.write(`${line}\n`);

const UNIT = {
  name: 'unit tests',
  cure: 'npm test -- unit',
  command: () => [bin('vitest'), ['run', '--project', 'unit', '--retry=0', '--reporter=dot']],
};

const started = performance.now();
try {
  await bootstrap({ build: false, say });
  say('check');
  const { passed, failed } = await runSteps([UNIT, ...STATIC_STEPS], say);
  say(`${passed} passed, ${failed} failed in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  if (failed > 0) process.exitCode = 1;
} catch (error) {
  say(`check: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
