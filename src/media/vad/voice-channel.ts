import { bytesPerFrame, FRAME_MS, levelDb, type SampleRate } from '../../audio/pcm.js';
import { Downsampler } from './downsample.js';
import { EnergyGate } from './gate.js';
import type { VoiceActivitySettings } from './settings.js';
import { CONTEXT, type SileroSlot, STATE, WINDOW } from './silero.js';
import { type SpeechChange, SpeechState, type VoiceSpan } from './speech-state.js';

const FRAME = 320;
const SAMPLES_PER_MS = 16;
/**
 * Windows before the gate opened that the model hears first: speech begins before it is loud, and the model
 * needs some sound to find its feet. Costs a few ms of inference at each opening.
 */
const PREROLL = 8 * WINDOW;
/** Windows that may wait for a slow model; then the oldest are dropped. */
const CAPACITY = CONTEXT + PREROLL + 4 * WINDOW + FRAME;
/** A jump of the stream's clock by more than this breaks the stream. */
const GAP_MS = 200;
/** Without a frame between so many looks a voice has ended. */
const SILENT_LOOKS = 4;

/** A change in whether the caller speaks. Stream time: milliseconds on the clock given to push. */
export interface VoiceEvent extends VoiceSpan {
  /** Where speech began or ended. */
  atMs: number;
  /** End of the audio that had been heard when this was decided. */
  heardMs: number;
}

/** What a channel needs of the shared model. */
export interface WindowQueue {
  enqueue(channel: VoiceChannel): void;
  forget(channel: VoiceChannel): void;
}

/** Voice activity of one participant of one call. */
export class VoiceChannel implements SileroSlot {
  onSpeechStart: ((event: VoiceEvent) => void) | undefined;
  onSpeechEnd: ((event: VoiceEvent) => void) | undefined;
  /** A voice goes on: how much of it there is by now. After each window, about 30 times a second. */
  onVoice: ((span: VoiceSpan) => void) | undefined;
  readonly input = new Float32Array(CONTEXT + WINDOW);
  readonly state = new Float32Array(STATE);
  /** Windows not looked at because the model was behind. */
  dropped = 0;
  private readonly queue: WindowQueue;
  private readonly settings: VoiceActivitySettings;
  private readonly gate: EnergyGate;
  private readonly speech: SpeechState;
  private readonly frameBytes: number;
  private readonly downsampler: Downsampler | undefined;
  /** The model's context, then samples that wait for it. */
  private readonly samples = new Float32Array(CAPACITY);
  private filled = CONTEXT;
  /** Stream time of the sample after the context. */
  private firstMs: number | undefined;
  private windowMs = 0;
  /** Windows in a row that are far above the noise. */
  private loud = 0;
  private open = false;
  /** Since the last frame. */
  private looks = 0;
  private closed = false;
  /** Raised with each fresh start of the model, so that a result still under way is not taken for one of the new stream. */
  private generation = 0;
  private windowGeneration = 0;

  constructor(sampleRate: SampleRate, settings: VoiceActivitySettings, queue: WindowQueue) {
    this.queue = queue;
    this.settings = settings;
    this.gate = new EnergyGate(settings);
    this.speech = new SpeechState(settings);
    this.frameBytes = bytesPerFrame(sampleRate);
    this.downsampler = sampleRate === 24000 ? new Downsampler() : undefined;
  }

  get speaking(): boolean {
    return this.speech.speaking;
  }

  /** How much there is of the voice that is heard, or was heard last. */
  get span(): VoiceSpan {
    return this.speech.span;
  }

  /**
   * Takes a frame of 20 ms PCM16; others are ignored. The frame is not kept.
   * @param atMs stream time of its first sample; a frame missing is a gap, not an error
   */
  push(frame: Buffer, atMs: number): void {
    if (this.closed || frame.length !== this.frameBytes) return;
    this.looks = 0;
    this.follow(atMs);
    this.makeRoom();
    if (this.downsampler) this.downsampler.convert(frame, this.samples, this.filled);
    else for (let i = 0; i < FRAME; i++) this.samples[this.filled + i] = frame.readInt16LE(i * 2) / 32768;
    this.filled += FRAME;
    const open = this.gate.update(levelDb(frame), this.speech.speaking);
    if (!open && !this.speech.speaking) {
      this.open = false;
      this.keep(PREROLL);
      return;
    }
    if (!this.open) {
      // What the model remembers is from before the silence.
      this.forgetState();
      this.open = true;
    }
    if (this.waiting >= WINDOW) this.queue.enqueue(this);
  }

  /** For the shared model: puts the next window into `input`. False when there is none. */
  takeWindow(): boolean {
    if (this.closed || !this.open || this.waiting < WINDOW || this.firstMs === undefined) return false;
    this.input.set(this.samples.subarray(0, CONTEXT + WINDOW));
    this.windowMs = this.firstMs;
    this.windowGeneration = this.generation;
    this.discard(WINDOW);
    return true;
  }

  /** For the shared model: the probability of speech in the window taken last. */
  result(probability: number): void {
    if (this.closed) return;
    // The run has written the state of the stream as it was before.
    if (this.windowGeneration !== this.generation) this.state.fill(0);
    else this.judge(probability);
    if (this.open && this.waiting >= WINDOW) this.queue.enqueue(this);
  }

  /**
   * For the shared model, several times a second: a voice whose frames stopped coming has ended. A stall of this
   * process is none, for what came meanwhile is read before the next look.
   */
  look(): void {
    this.looks++;
    if (this.looks < SILENT_LOOKS || !this.speech.speaking) return;
    this.report(this.speech.interrupt());
    this.forgetState();
  }

  close(): void {
    this.closed = true;
    this.onSpeechStart = undefined;
    this.onSpeechEnd = undefined;
    this.onVoice = undefined;
    this.queue.forget(this);
  }

  private judge(probability: number): void {
    const windowDb = this.windowDb();
    const clear = this.gate.standsOut(windowDb);
    this.report(this.speech.update(this.heard(probability, windowDb), this.windowMs, clear));
    if (this.speech.speaking) this.onVoice?.(this.speech.span);
  }

  private windowDb(): number {
    let power = 0;
    for (let i = CONTEXT; i < CONTEXT + WINDOW; i++) power += (this.input[i] ?? 0) ** 2;
    return 10 * Math.log10(power / WINDOW + 1e-10);
  }

  /** The probability that this caller speaks: voices that do not stand out are somebody else's. */
  private heard(probability: number, windowDb: number): number {
    const { releasePart, loudPart, loudWindows, loudProbability, onset } = this.settings;
    if (!this.gate.standsOut(windowDb, this.speech.speaking ? releasePart : 1)) {
      this.loud = 0;
      return 0;
    }
    // Hissing consonants begin many words and do not sound like a voice to the model.
    this.loud = this.gate.standsOut(windowDb, loudPart) && probability >= loudProbability ? this.loud + 1 : 0;
    return this.loud >= loudWindows ? Math.max(onset, probability) : probability;
  }

  private get waiting(): number {
    return this.filled - CONTEXT;
  }

  /** Keeps the clock: small jitter is ignored, missing frames are heard as silence, a longer gap starts afresh. */
  private follow(atMs: number): void {
    const expected = this.firstMs === undefined ? atMs : this.firstMs + this.waiting / SAMPLES_PER_MS;
    const gap = atMs - expected;
    if (this.firstMs === undefined || Math.abs(gap) > GAP_MS) {
      this.report(this.speech.interrupt());
      this.forgetState();
      this.samples.fill(0, 0, CONTEXT);
      this.filled = CONTEXT;
      this.firstMs = atMs;
      this.open = false;
    } else {
      for (let missing = Math.floor(gap / FRAME_MS); missing > 0; missing--) this.insertSilence();
    }
  }

  /** Not for the gate: the noise around the caller has not become less. */
  private insertSilence(): void {
    this.makeRoom();
    this.samples.fill(0, this.filled, this.filled + FRAME);
    this.filled += FRAME;
    if (!this.open) this.keep(PREROLL);
  }

  private forgetState(): void {
    this.generation++;
    this.state.fill(0);
  }

  private makeRoom(): void {
    if (this.filled + FRAME <= this.samples.length) return;
    this.dropped++;
    this.discard(WINDOW);
  }

  private keep(samples: number): void {
    if (this.waiting > samples) this.discard(this.waiting - samples);
  }

  /** Moves on by so many samples; the last of them become the context. */
  private discard(samples: number): void {
    this.samples.copyWithin(0, samples, this.filled);
    this.filled -= samples;
    if (this.firstMs !== undefined) this.firstMs += samples / SAMPLES_PER_MS;
  }

  private report(change: SpeechChange | undefined): void {
    if (!change || this.firstMs === undefined) return;
    const heardMs = this.firstMs + this.waiting / SAMPLES_PER_MS;
    const event = { atMs: change.atMs, heardMs, ...this.speech.span };
    if (change.kind === 'start') this.onSpeechStart?.(event);
    else this.onSpeechEnd?.(event);
  }
}
