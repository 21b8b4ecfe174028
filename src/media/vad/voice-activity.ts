import type { SampleRate } from '../../audio/pcm.js';
import { inTask } from '../../ops/tasks.js';
import { DEFAULT_SETTINGS, type VoiceActivitySettings } from './settings.js';
import { MAX_BATCH, Silero } from './silero.js';
import { VoiceChannel } from './voice-channel.js';

export interface VoiceActivityOptions {
  settings?: Partial<VoiceActivitySettings>;
  /** File of the model; default: the one of the installed package. */
  modelFile?: string;
}

/** How often channels are looked at for frames that no longer come: a voice ends after four of these, ms. */
const LOOK_MS = 100;

/** Counters since the load; inferenceMs is waiting time, most of it on a thread of the runtime. */
export interface VoiceActivityStats {
  channels: number;
  runs: number;
  windows: number;
  inferenceMs: number;
  worstRunMs: number;
  failures: number;
}

/**
 * Voice activity for all calls of a process with one model. While a run is under way the windows that arrive
 * gather into the next one: batches grow with the load, and nothing waits when there is none.
 */
export class VoiceActivity {
  private readonly model: Silero;
  private readonly settings: VoiceActivitySettings;
  private readonly channels = new Set<VoiceChannel>();
  private readonly ready = new Set<VoiceChannel>();
  private running: Promise<void> | undefined;
  private closed = false;
  /** One for all calls, while there are any. */
  private looking: NodeJS.Timeout | undefined;
  private readonly counters = { runs: 0, windows: 0, inferenceMs: 0, worstRunMs: 0, failures: 0 };

  private constructor(model: Silero, settings: VoiceActivitySettings) {
    this.model = model;
    this.settings = settings;
  }

  static async load(options: VoiceActivityOptions = {}): Promise<VoiceActivity> {
    return new VoiceActivity(await Silero.load(options.modelFile), {
      ...DEFAULT_SETTINGS,
      ...options.settings,
    });
  }

  /** A channel for one participant; close it when the participant leaves. */
  open(sampleRate: SampleRate): VoiceChannel {
    const channel = new VoiceChannel(sampleRate, this.settings, {
      enqueue: (ready) => this.enqueue(ready),
      forget: (gone) => {
        this.channels.delete(gone);
        this.ready.delete(gone);
        if (this.channels.size === 0) this.rest();
      },
    });
    this.channels.add(channel);
    this.looking ??= setInterval(() => {
      for (const one of this.channels) one.look();
    }, LOOK_MS).unref();
    return channel;
  }

  get stats(): VoiceActivityStats {
    return { channels: this.channels.size, ...this.counters };
  }

  /** Resolves when every window that is complete has been looked at. */
  async idle(): Promise<void> {
    while (this.running) await this.running;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const channel of [...this.channels]) channel.close();
    await this.idle();
    await this.model.close();
  }

  private rest(): void {
    clearInterval(this.looking);
    this.looking = undefined;
  }

  private enqueue(channel: VoiceChannel): void {
    if (this.closed) return;
    this.ready.add(channel);
    this.running ??= this.drain().finally(() => {
      this.running = undefined;
    });
  }

  private async drain(): Promise<void> {
    while (this.ready.size > 0) {
      // Frames of other calls that arrived together join this run.
      await new Promise((resolve) => setImmediate(resolve));
      const batch: VoiceChannel[] = [];
      for (const channel of this.ready) {
        this.ready.delete(channel);
        if (channel.takeWindow()) batch.push(channel);
        if (batch.length === MAX_BATCH) break;
      }
      if (batch.length > 0) await this.infer(batch);
    }
  }

  private async infer(batch: readonly VoiceChannel[]): Promise<void> {
    const started = performance.now();
    let probabilities: Float32Array | undefined;
    try {
      probabilities = await this.model.run(batch);
    } catch {
      // A window without a verdict is no speech; the counter shows it.
      this.counters.failures++;
    }
    const ms = performance.now() - started;
    this.counters.runs++;
    this.counters.windows += batch.length;
    this.counters.inferenceMs += ms;
    this.counters.worstRunMs = Math.max(this.counters.worstRunMs, ms);
    inTask('media.voice', () => {
      batch.forEach((channel, i) => {
        try {
          channel.result(probabilities?.[i] ?? 0);
        } catch {
          // A listener's error must not stop the other calls' voices.
          this.counters.failures++;
        }
      });
    });
  }
}
