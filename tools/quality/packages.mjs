import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './run.mjs';

/** Debian packages that tests with real processes need, each with the file that proves it is there. */
const PACKAGES = [
  { name: 'redis-server', proof: 'redis-server' },
  { name: 'redis-sentinel', proof: 'redis-sentinel' },
  { name: 'pocketsphinx', proof: 'pocketsphinx_continuous' },
  { name: 'pocketsphinx-en-us', proof: '/usr/share/pocketsphinx/model/en-us/en-us.lm.bin' },
  { name: 'pocketsphinx-testdata', proof: '/usr/share/pocketsphinx/test/data/librivox' },
];

const present = (proof) =>
  proof.startsWith('/')
    ? existsSync(proof)
    : (process.env.PATH ?? '').split(delimiter).some((folder) => folder && existsSync(join(folder, proof)));

/**
 * Installs what is missing when root, else throws with the command that does it.
 * @param {(line: string) => void} say
 */
export async function ensurePackages(say) {
  const missing = PACKAGES.filter(({ proof }) => !present(proof)).map(({ name }) => name);
  if (missing.length === 0) return;
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing];
  const cure = `sudo apt-get update && sudo ${install.join(' ')}`;
  if (process.getuid?.() !== 0 || !present('apt-get')) {
    throw new Error(`the tests need ${missing.join(', ')}. On Debian or Ubuntu: ${cure}`);
  }
  // Their services must not start: tests bring their own, on ports of their own.
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const [command, ...args] of [['apt-get', 'update'], install]) {
    say(`${command} ${args.join(' ')} …`);
    const { code, output, ms } = await run(command, args, { env });
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed (${cure}):\n${output}`);
    say(`  done in ${(ms / 1000).toFixed(1)} s`);
  }
  const still = PACKAGES.filter(({ proof }) => !present(proof)).map(({ name }) => name);
  if (still.length > 0) throw new Error(`installed, yet not found: ${still.join(', ')}`);
}
