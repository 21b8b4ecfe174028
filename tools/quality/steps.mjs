import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bin, ROOT, run } from './run.mjs';

/** Folders that hold our TypeScript, those of them that exist. */
const folders = () => ['src', 'tools', 'test'].filter((folder) => existsSync(join(ROOT, folder)));

/**
 * What can be judged without running the code. The slow ones come first, for two run at a time.
 * @type {{ name: string, cure: string, command: () => [string, string[]] }[]}
 */
export const STATIC_STEPS = [
  {
    name: 'types',
    cure: 'npx tsc --noEmit',
    command: () => [
      bin('tsc'),
      [
        '-p',
        'tsconfig.json',
        '--noEmit',
        '--incremental',
        '--tsBuildInfoFile',
        'node_modules/.cache/check.tsbuildinfo',
      ],
    ],
  },
  {
    name: 'dead code',
    cure: 'npx knip; delete what nothing uses, or make it an entry in knip.json',
    command: () => [bin('knip'), ['--no-progress', '--no-config-hints']],
  },
  {
    name: 'layers',
    cure: 'the rules and their reasons are in .dependency-cruiser.cjs',
    command: () => [
      bin('depcruise'),
      ['--config', '.dependency-cruiser.cjs', '--output-type', 'err-long', ...folders()],
    ],
  },
  {
    name: 'promises',
    cure: 'await it, return it, or catch it and say `void`',
    command: () => [
      bin('oxlint'),
      [
        '--type-aware',
        '--config',
        '.oxlintrc.json',
        '--deny-warnings',
        '--disable-nested-config',
        ...folders(),
      ],
    ],
  },
  {
    name: 'format and lint',
    cure: 'npm run format',
    command: () => [
      bin('biome'),
      ['ci', '--colors=off', '--diagnostic-level=warn', '--max-diagnostics=100', '.'],
    ],
  },
];

/**
 * Runs steps two at a time and says how each went; a failed one shows all it printed.
 * @param {{ name: string, cure?: string, command: () => [string, string[]] }[]} steps
 * @param {(line: string) => void} say
 * @returns {Promise<{ passed: number, failed: number }>}
 */
export async function runSteps(steps, say) {
  const counts = { passed: 0, failed: 0 };
  const queue = [...steps];
  const worker = async () => {
    for (let step = queue.shift(); step; step = queue.shift()) {
      const [command, args] = step.command();
      const { code, output, ms } = await run(command, args);
      const time = `${(ms / 1000).toFixed(1)} s`.padStart(7);
      if (code === 0) {
        counts.passed += 1;
        say(`  ok    ${time}  ${step.name}`);
      } else {
        counts.failed += 1;
        say(`  FAIL  ${time}  ${step.name}${step.cure ? `  (${step.cure})` : ''}`);
        say(output.trimEnd().replace(/^/gm, '        '));
      }
    }
  };
  await Promise.all([worker(), worker()]);
  return counts;
}
