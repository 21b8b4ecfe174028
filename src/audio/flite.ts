import { Worker } from 'node:worker_threads';
import { AudioError } from './errors.js';
import { fliteThreadData } from './flite-module.js';
import { type FliteJob, type FliteResult, type FliteThreadData, fliteThread } from './flite-thread.js';
import { FLITE_VOICES, isFliteVoice } from './flite-voices.js';
import { durationMs } from './pcm.js';

export { FLITE_VOICES, isFliteVoice };

export interface FlitePoolOptions {
  /** Worker threads, each with ~60 MB. */
  threads: number;
  /** Texts that may wait for a thread; one more is refused. Default 256. */
  queueLimit?: number;
  /** Longest time a thread may work on one text before it is replaced. Default 10 000 ms. */
  timeoutMs?: number;
  /** Longest text, in UTF-16 units. Default 5000 (about six minutes of speech). */
  maxChars?: number;
}

export interface FliteRequest {
  voice: string;
  /** Rate of the result, Hz. */
  sampleRate: number;
  /** 1 = the voice's own, 2 = twice as fast. */
  speakingRate?: number;
}

/** Counters since the pool was made; times in ms. */
export interface FliteStats {
  threads: number;
  busy: number;
  queued: number;
  synthesized: number;
  failed: number;
  aborted: number;
  refused: number;
  restarts: number;
  audioMs: number;
  synthesisMs: number;
}

interface Job extends FliteRequest {
  id: number;
  text: string;
  retried: boolean;
  settled: boolean;
  settle(outcome: Buffer | AudioError): void;
}

interface Thread {
  worker: Worker;
  job: Job | undefined;
  timer: NodeJS.Timeout | undefined;
}

const RESTART_PAUSE_MS = 200;
const FAILED_STARTS_LIMIT = 3;

/**
 * Speech synthesis by flite in worker threads. A thread that dies or hangs is replaced and its text is
 * tried once more. Rejections are AudioError with a stable code.
 */
export class FlitePool {
  private readonly threads = new Set<Thread>();
  private readonly queue: Job[] = [];
  private readonly queueLimit: number;
  private readonly timeoutMs: number;
  private readonly maxChars: number;
  private readonly started: Promise<void>;
  private data: FliteThreadData | undefined;
  private broken: AudioError | undefined;
  private closed = false;
  private lastId = 0;
  private failedStarts = 0;
  private pendingRestarts = new Set<NodeJS.Timeout>();
  private readonly counters = {
    synthesized: 0,
    failed: 0,
    aborted: 0,
    refused: 0,
    restarts: 0,
    audioMs: 0,
    synthesisMs: 0,
  };

  constructor(options: FlitePoolOptions) {
    this.queueLimit = options.queueLimit ?? 256;
    this.timeoutMs = options.timeoutMs ?? 10_000;
    this.maxChars = options.maxChars ?? 5000;
    this.started = this.start(Math.max(1, options.threads));
  }

  /**
   * PCM16 mono audio of `text` at the rate asked for. An abort takes a waiting text out of the queue; one
   * that is being spoken is finished by its thread and its audio dropped.
   */
  synthesize(text: string, request: FliteRequest, signal?: AbortSignal): Promise<Buffer> {
    const refusal = this.refusal(text, request, signal);
    if (refusal) return Promise.reject(refusal);
    return new Promise<Buffer>((resolve, reject) => {
      const onAbort = (): void => {
        const index = this.queue.indexOf(job);
        if (index >= 0) this.queue.splice(index, 1);
        this.counters.aborted++;
        job.settle(new AudioError('RTV_AUDIO_ABORTED', 'synthesis aborted'));
      };
      const job: Job = {
        id: ++this.lastId,
        text: speakable(text),
        voice: request.voice,
        sampleRate: request.sampleRate,
        speakingRate: request.speakingRate ?? 1,
        retried: false,
        settled: false,
        settle: (outcome) => {
          if (job.settled) return;
          job.settled = true;
          signal?.removeEventListener('abort', onAbort);
          if (Buffer.isBuffer(outcome)) resolve(outcome);
          else reject(outcome);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.queue.push(job);
      this.dispatch();
    });
  }

  /** Resolves when the threads are up, so that a first sentence does not pay for their start. */
  async ready(): Promise<void> {
    await this.started;
    if (this.broken) throw this.broken;
  }

  get stats(): FliteStats {
    let busy = 0;
    for (const thread of this.threads) if (thread.job) busy++;
    return { threads: this.threads.size, busy, queued: this.queue.length, ...this.counters };
  }

  /** Ends the threads. Texts that wait or are being spoken are rejected. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const timer of this.pendingRestarts) clearTimeout(timer);
    this.pendingRestarts.clear();
    const error = new AudioError('RTV_AUDIO_CLOSED', 'speech pool closed');
    for (const job of this.queue.splice(0)) job.settle(error);
    await this.started;
    const ends: Promise<unknown>[] = [];
    for (const thread of this.threads) {
      clearTimeout(thread.timer);
      thread.job?.settle(error);
      ends.push(thread.worker.terminate());
    }
    this.threads.clear();
    await Promise.all(ends);
  }

  private refusal(text: string, request: FliteRequest, signal?: AbortSignal): AudioError | undefined {
    if (this.closed) return new AudioError('RTV_AUDIO_CLOSED', 'speech pool closed');
    if (this.broken) return this.broken;
    if (signal?.aborted) return new AudioError('RTV_AUDIO_ABORTED', 'synthesis aborted');
    if (!isFliteVoice(request.voice)) return new AudioError('RTV_AUDIO_VOICE_UNKNOWN', 'unknown flite voice');
    if (text.length > this.maxChars) {
      return new AudioError('RTV_AUDIO_TEXT_TOO_LONG', `text has over ${this.maxChars} characters`);
    }
    if (speakable(text) === '') return new AudioError('RTV_AUDIO_TEXT_EMPTY', 'text has nothing to speak');
    if (this.queue.length >= this.queueLimit) {
      this.counters.refused++;
      return new AudioError('RTV_AUDIO_QUEUE_FULL', `${this.queueLimit} texts are waiting for a thread`);
    }
    return undefined;
  }

  private async start(threads: number): Promise<void> {
    try {
      this.data = await fliteThreadData();
      if (this.closed) return;
      await Promise.all(Array.from({ length: threads }, () => this.startThread()));
    } catch (cause) {
      this.fail('flite could not be loaded', cause);
    }
  }

  private fail(message: string, cause?: unknown): void {
    this.broken = new AudioError('RTV_AUDIO_SYNTHESIS_FAILED', message, { cause });
    for (const job of this.queue.splice(0)) job.settle(this.broken);
  }

  /** Resolves when the thread has said it is ready, or has ended. */
  private startThread(): Promise<void> {
    return new Promise((resolve) => {
      const worker = new Worker(`(${fliteThread.toString()})(require)`, {
        eval: true,
        workerData: this.data,
        name: 'flite',
        env: {},
        execArgv: [],
      });
      const thread: Thread = { worker, job: undefined, timer: undefined };
      let ready = false;
      worker.on('message', (result: FliteResult) => {
        if (ready) return this.finish(thread, result);
        ready = true;
        this.failedStarts = 0;
        worker.unref();
        if (!this.closed) {
          this.threads.add(thread);
          this.dispatch();
        }
        resolve();
      });
      worker.on('error', () => {});
      worker.once('exit', () => {
        resolve();
        if (!ready && ++this.failedStarts >= FAILED_STARTS_LIMIT) this.fail('flite threads do not start');
        this.replace(thread);
      });
    });
  }

  private dispatch(): void {
    for (const thread of this.threads) {
      if (thread.job) continue;
      const job = this.queue.shift();
      if (!job) return;
      this.run(thread, job);
    }
  }

  private run(thread: Thread, job: Job): void {
    thread.job = job;
    // A sentence in work keeps the process alive until it is heard; an idle thread does not.
    thread.worker.ref();
    thread.timer = setTimeout(() => {
      job.retried = true;
      job.settle(new AudioError('RTV_AUDIO_SYNTHESIS_TIMEOUT', `no audio within ${this.timeoutMs} ms`));
      thread.worker.terminate().catch(() => {});
    }, this.timeoutMs);
    const { id, text, voice, sampleRate, speakingRate = 1 } = job;
    thread.worker.postMessage({
      id,
      text,
      voice,
      rate: sampleRate,
      stretch: 1 / speakingRate,
    } satisfies FliteJob);
  }

  private finish(thread: Thread, result: FliteResult): void {
    const { job } = thread;
    if (job?.id !== result.id) return;
    clearTimeout(thread.timer);
    thread.job = undefined;
    thread.worker.unref();
    if (result.ok) {
      const pcm = Buffer.from(result.pcm);
      this.counters.synthesized++;
      this.counters.synthesisMs += result.ms;
      this.counters.audioMs += durationMs(pcm.length, job.sampleRate);
      job.settle(pcm);
    } else {
      this.counters.failed++;
      job.settle(new AudioError('RTV_AUDIO_SYNTHESIS_FAILED', 'flite failed'));
    }
    this.dispatch();
  }

  /** A thread has ended by itself or by its time limit: its text gets one more try, another thread starts. */
  private replace(thread: Thread): void {
    if (this.closed || this.broken) return;
    clearTimeout(thread.timer);
    this.threads.delete(thread);
    this.counters.restarts++;
    const { job } = thread;
    thread.job = undefined;
    if (job && !job.settled && !job.retried) {
      job.retried = true;
      this.queue.unshift(job);
    } else if (job) {
      this.counters.failed++;
      job.settle(new AudioError('RTV_AUDIO_SYNTHESIS_FAILED', 'the flite thread ended twice'));
    }
    // The pause keeps a thread that dies at once from spinning; it is ref'd only while texts wait.
    const timer = setTimeout(() => {
      this.pendingRestarts.delete(timer);
      if (!this.closed) this.startThread().catch(() => {});
    }, RESTART_PAUSE_MS);
    if (this.queue.length === 0) timer.unref();
    this.pendingRestarts.add(timer);
  }
}

/** Text as one line without control characters. Endless words are cut: flite needs quadratic time for them. */
function speakable(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/\S{80}(?=\S)/gu, '$& ')
    .trim();
}
