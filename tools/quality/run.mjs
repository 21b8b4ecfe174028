import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top of the working tree. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Path of an executable that a package of this project brings. */
export const bin = (name) => join(ROOT, 'node_modules', '.bin', name);

const live = new Set();
const passOn = (signal) => {
  // A terminal sends Ctrl-C to the children itself, and twice means "at once" to many of them.
  if (signal === 'SIGINT' && process.stdin.isTTY) return;
  for (const child of live) child.kill(signal);
};
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    passOn(signal);
    process.exitCode = 130;
    // A second signal finds no handler any more and ends this process at once.
  });
}

/**
 * Runs a command in the top folder and waits for its end.
 * @param {string} command
 * @param {string[]} args
 * @param {{ inherit?: boolean, toStderr?: boolean, env?: Record<string, string> }} options
 *   inherit: output goes straight to the terminal; toStderr: and what is written to stdout goes to stderr
 * @returns {Promise<{ code: number, output: string, ms: number }>} a signal counts as code 1; never rejects
 */
export function run(command, args, { inherit = false, toStderr = false, env = {} } = {}) {
  const started = performance.now();
  return new Promise((resolve) => {
    const chunks = [];
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: inherit ? ['inherit', toStderr ? 2 : 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    });
    live.add(child);
    const end = (code) => {
      live.delete(child);
      resolve({ code, output: Buffer.concat(chunks).toString(), ms: performance.now() - started });
    };
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.stderr?.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => {
      chunks.push(Buffer.from(`${command}: ${error.message}\n`));
      end(1);
    });
    child.on('close', (code) => end(code ?? 1));
  });
}
