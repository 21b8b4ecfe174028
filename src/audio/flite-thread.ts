import type { MessagePort } from 'node:worker_threads';
import type { WasmModule, WebAssemblyApi } from './webassembly.js';

/** What a thread is started with. */
export interface FliteThreadData {
  module: WasmModule;
  /** Resolved file of the resampling library: a thread made from text has no module folder of its own. */
  resampler: string;
}

/** One sentence to synthesise. `rate` is the rate wanted, Hz. */
export interface FliteJob {
  id: number;
  text: string;
  voice: string;
  rate: number;
  /** 1 = the voice's own pace, 2 = half as fast. */
  stretch: number;
}

export type FliteResult =
  | { id: number; ok: true; pcm: ArrayBuffer; ms: number }
  | { id: number; ok: false; message: string };

interface ThreadModules {
  parentPort: MessagePort | null;
  workerData: FliteThreadData;
}

interface Resampler {
  create(
    channels: number,
    from: number,
    to: number,
    options: { converterType: number },
  ): Promise<{ simple(samples: Float32Array): Float32Array }>;
}

/**
 * Body of a flite worker thread. It is started from its own text (`new Worker(text, { eval: true })`), so
 * that the same code runs compiled and under a test runner that loads TypeScript: it must not refer to
 * anything outside itself.
 *
 * flite.wasm is a command-line program: one instance speaks one text. Making an instance costs more (~10 ms)
 * than speaking a short sentence, so the next one is made while the thread is idle. The instance sees an
 * in-memory WASI with a single write-only output and no file system, no environment and no clock: whatever
 * the text says, there is no file to read.
 */
export function fliteThread(require: (id: string) => unknown): void {
  const { parentPort, workerData } = require('node:worker_threads') as ThreadModules;
  if (!parentPort) throw new Error('not a worker thread');
  const port = parentPort;
  // Events and frames of live calls go before a sentence that is being made. On Linux a thread has a priority of its
  // own, and this link names the thread that reads it; elsewhere there is no such file.
  try {
    const { readlinkSync } = require('node:fs') as { readlinkSync(path: string): string };
    const { setPriority } = require('node:os') as { setPriority(id: number, priority: number): void };
    setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), 5);
  } catch {
    // As it was, then.
  }
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
  const OK = 0;
  const BAD_FD = 8;
  const NO_ENTRY = 44;
  const NOT_SEEKABLE = 70;
  const ROOT_FD = 3;
  const OUTPUT_FD = 4;
  const OUTPUT_NAME = 'out.wav';
  const WAV_HEADER = 44;

  interface Instance {
    speak(args: string[]): Buffer[];
  }

  const instantiate = (): Instance => {
    let args: Buffer[] = [];
    let memory: { readonly buffer: ArrayBuffer } = { buffer: new ArrayBuffer(0) };
    const written: Buffer[] = [];
    const bytes = (): Buffer => Buffer.from(memory.buffer);
    const wasi = {
      args_sizes_get(count: number, size: number): number {
        const mem = bytes();
        mem.writeUInt32LE(args.length, count);
        mem.writeUInt32LE(
          args.reduce((sum, arg) => sum + arg.length, 0),
          size,
        );
        return OK;
      },
      args_get(pointers: number, target: number): number {
        const mem = bytes();
        let at = target;
        args.forEach((arg, index) => {
          mem.writeUInt32LE(at, pointers + index * 4);
          at += arg.copy(mem, at);
        });
        return OK;
      },
      clock_time_get(_id: number, _precision: bigint, result: number): number {
        bytes().writeBigUInt64LE(0n, result);
        return OK;
      },
      fd_close: (): number => OK,
      fd_fdstat_get(fd: number, result: number): number {
        if (fd > OUTPUT_FD) return BAD_FD;
        const mem = bytes();
        const DIRECTORY = 3;
        const REGULAR_FILE = 4;
        mem.fill(0, result, result + 24);
        mem.writeUInt8(fd === ROOT_FD ? DIRECTORY : REGULAR_FILE, result);
        mem.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, result + 8);
        mem.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, result + 16);
        return OK;
      },
      fd_fdstat_set_flags: (): number => OK,
      fd_prestat_get(fd: number, result: number): number {
        if (fd !== ROOT_FD) return BAD_FD;
        const mem = bytes();
        mem.writeUInt32LE(0, result);
        mem.writeUInt32LE(1, result + 4);
        return OK;
      },
      fd_prestat_dir_name(fd: number, path: number): number {
        if (fd !== ROOT_FD) return BAD_FD;
        bytes().write('/', path, 'latin1');
        return OK;
      },
      fd_read: (): number => BAD_FD,
      fd_seek: (): number => NOT_SEEKABLE,
      fd_write(fd: number, vectors: number, count: number, result: number): number {
        const mem = bytes();
        let total = 0;
        for (let i = 0; i < count; i++) {
          const start = mem.readUInt32LE(vectors + i * 8);
          const length = mem.readUInt32LE(vectors + i * 8 + 4);
          if (fd === OUTPUT_FD) written.push(Buffer.from(mem.subarray(start, start + length)));
          total += length;
        }
        mem.writeUInt32LE(total, result);
        return OK;
      },
      path_open(
        _fd: number,
        _lookup: number,
        path: number,
        length: number,
        _open: number,
        _rights: bigint,
        _inheriting: bigint,
        _flags: number,
        result: number,
      ): number {
        const mem = bytes();
        if (mem.toString('latin1', path, path + length) !== OUTPUT_NAME) return NO_ENTRY;
        mem.writeUInt32LE(OUTPUT_FD, result);
        return OK;
      },
      proc_exit(code: number): never {
        throw new Error(`flite ended with status ${code}`);
      },
    };
    const instance = new WebAssembly.Instance(workerData.module, { wasi_snapshot_preview1: wasi });
    memory = instance.exports.memory as typeof memory;
    const start = instance.exports._start as () => void;
    return {
      speak(list): Buffer[] {
        args = list.map((arg) => Buffer.from(`${arg}\0`));
        start();
        return written;
      },
    };
  };

  // Making a converter compiles its library: one for each pair of rates serves all texts.
  const converters = new Map<string, ReturnType<Resampler['create']>>();
  const convert = async (pcm: Buffer, from: number, to: number): Promise<Buffer> => {
    const SINC_FASTEST = 2;
    const pair = `${from}:${to}`;
    const library = require(workerData.resampler) as Resampler;
    const made = converters.get(pair) ?? library.create(1, from, to, { converterType: SINC_FASTEST });
    converters.set(pair, made);
    const converter = await made;
    const samples = new Float32Array(pcm.length >> 1);
    for (let i = 0; i < samples.length; i++) samples[i] = pcm.readInt16LE(i * 2) / 32768;
    // `simple` keeps nothing from one text to the next.
    const converted = converter.simple(samples);
    const out = Buffer.allocUnsafeSlow(converted.length * 2);
    converted.forEach((sample, i) => {
      out.writeInt16LE(Math.max(-32768, Math.min(32767, Math.round(sample * 32768))), i * 2);
    });
    return out;
  };

  let spare: Instance | undefined = instantiate();

  const synthesize = async (job: FliteJob): Promise<ArrayBuffer> => {
    const instance = spare ?? instantiate();
    spare = undefined;
    // Without -t flite takes a text of one word for the name of a file.
    const text = ['-t', job.text, '-o', OUTPUT_NAME];
    const pace = job.stretch === 1 ? [] : ['--setf', `duration_stretch=${job.stretch.toFixed(3)}`];
    const written = instance.speak(['flite', '-voice', job.voice, ...pace, ...text]);
    const wav = Buffer.concat(written);
    if (wav.length < WAV_HEADER) throw new Error('flite gave no audio');
    const rate = wav.readUInt32LE(24);
    const native = wav.subarray(WAV_HEADER);
    const pcm = rate === job.rate || native.length === 0 ? native : await convert(native, rate, job.rate);
    const own = new Uint8Array(pcm.length);
    own.set(pcm);
    return own.buffer;
  };

  port.on('message', (job: FliteJob) => {
    const started = performance.now();
    synthesize(job)
      .then(
        (pcm) => port.postMessage({ id: job.id, ok: true, pcm, ms: performance.now() - started }, [pcm]),
        (error: unknown) => port.postMessage({ id: job.id, ok: false, message: String(error) }),
      )
      .finally(() => {
        // After the result is on its way; the next job, if there is one, finds its instance ready.
        spare ??= instantiate();
      })
      .catch((error: unknown) => {
        throw error;
      });
  });
  port.postMessage({ id: 0, ok: true, pcm: new ArrayBuffer(0), ms: 0 });
}
