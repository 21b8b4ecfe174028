import { readdir } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Bench } from './frame.js';

/** The caller asked for something that does not exist. */
export class UsageError extends Error {}

/**
 * The benches in this folder: each module that exports `bench`.
 * @param name when there is a module of that name, only it is loaded
 */
export async function loadBenches(name?: string): Promise<Bench[]> {
  const folder = fileURLToPath(new URL('.', import.meta.url));
  const files = (await readdir(folder)).filter(
    // cli.js runs when imported.
    (file) => /^[\w-]+\.js$/.test(file) && !['cli.js', 'frame.js', 'load.js'].includes(file),
  );
  const wanted = files.includes(`${name}.js`) ? [`${name}.js`] : files.sort();
  const modules = await Promise.all(
    wanted.map((file): Promise<{ bench?: Bench }> => import(pathToFileURL(`${folder}/${file}`).href)),
  );
  return modules.flatMap(({ bench }) => (bench ? [bench] : []));
}

/** Takes `--only a,b` out of the words. Without it, all parts of the bench are to run. */
export function takeOnly(bench: Bench, argv: readonly string[]): { only: Set<string>; rest: string[] } {
  const parts = bench.parts ?? [];
  const words = argv.flatMap((word) => (word.startsWith('--only=') ? ['--only', word.slice(7)] : [word]));
  const at = words.indexOf('--only');
  if (at < 0) return { only: new Set(parts), rest: words };
  const wanted = (words[at + 1] ?? '').split(',');
  const unknown = wanted.find((part) => !parts.includes(part));
  if (unknown !== undefined) {
    throw new UsageError(`${bench.name} has no part '${unknown}'; there are: ${parts.join(', ') || 'none'}`);
  }
  return { only: new Set(wanted), rest: words.toSpliced(at, 2) };
}

/** `--calls 50` or `--calls=50`, for the options that the bench declares. */
export function parseOptions(bench: Bench, argv: readonly string[]): Record<string, number> {
  const known = bench.options ?? {};
  const options = Object.fromEntries(Object.entries(known).map(([key, option]) => [key, option.default]));
  const words = argv.flatMap((word) => {
    const [, key, value] = /^(--[^=]+)=(.*)$/.exec(word) ?? [];
    return key !== undefined && value !== undefined ? [key, value] : [word];
  });
  for (let at = 0; at < words.length; at += 2) {
    const key = words[at]?.replace(/^--/, '') ?? '';
    const value = words[at + 1];
    const number = value === undefined || value.trim() === '' ? Number.NaN : Number(value);
    if (!words[at]?.startsWith('--') || !Object.hasOwn(known, key) || !Number.isFinite(number)) {
      const lines = Object.entries(known).map(([name, { default: d, help }]) => `  --${name} ${d}  ${help}`);
      throw new UsageError(
        [`${bench.name} does not know ${words.slice(at, at + 2).join(' ')}`, ...lines].join('\n'),
      );
    }
    options[key] = number;
  }
  return options;
}
