/**
 * Who of a call is heard: one ear for each participant where ACS sends them apart (unmixed), one for all where it mixes
 * them. Whoever speaks first leads; when the leader falls silent while another speaks, that one goes on with it: barge-in
 * and turn taking hear of one voice at a time, and anybody may interrupt.
 */
import { FrameTimeline } from './frame-timeline.js';
import type { VoiceSpan } from './vad/speech-state.js';
import type { VoiceEvent } from './vad/voice-channel.js';

/** What of voice activity is used: a channel that is fed frames and tells of voices. */
export interface VoiceEar {
  push(frame: Buffer, atMs: number): void;
  readonly speaking: boolean;
  readonly span: VoiceSpan;
  onSpeechStart: ((event: VoiceEvent) => void) | undefined;
  onVoice: ((span: VoiceSpan) => void) | undefined;
  onSpeechEnd: ((event: VoiceEvent) => void) | undefined;
  close(): void;
}

/** A frame of the caller's audio, as it came. */
export interface HeardFrame {
  /** PCM16 mono of 20 ms; valid during the call alone. */
  readonly pcm: Buffer;
  /** Personal data. Absent where participants are mixed. */
  readonly participantRawID?: string;
  readonly timestampMs?: number;
}

export interface EarHooks {
  /** A voice is heard where there was none. */
  voiceStarted(): void;
  voice(span: VoiceSpan): void;
  /** Nobody speaks any more. @param event times of the last speaker's own stream */
  voiceEnded(event: VoiceEvent): void;
  /** Frames of 20 ms never came. */
  missing(frames: number): void;
}

/** ACS sends four speakers at once; who was heard longest ago makes room for another. */
const MOST_EARS = 8;
const NOTHING: VoiceSpan = { voicedMs: 0, clearMs: 0 };

interface Participant {
  readonly ear: VoiceEar | undefined;
  readonly timeline: FrameTimeline;
  missing: number;
}

export class Ears {
  readonly #open: () => VoiceEar | undefined;
  readonly #hooks: EarHooks;
  /** By raw id, '' where they are mixed; who was heard last stands last. */
  readonly #participants = new Map<string, Participant>();
  #last: { readonly id: string; readonly participant: Participant } | undefined;
  #leader: VoiceEar | undefined;
  /** What the voice had when this leader took over, less what the leader had. */
  #carried = NOTHING;

  /** @param open an ear for one participant; undefined: voice activity is off */
  constructor(open: () => VoiceEar | undefined, hooks: EarHooks) {
    this.#open = open;
    this.#hooks = hooks;
  }

  /** Somebody speaks. */
  get speaking(): boolean {
    return this.#leader !== undefined;
  }

  /** How much there is of the voice that is heard. */
  get span(): VoiceSpan {
    return this.#leader ? sum(this.#carried, this.#leader.span) : NOTHING;
  }

  push({ pcm, participantRawID: id = '', timestampMs }: HeardFrame): void {
    const participant = this.#of(id);
    const atMs = participant.timeline.place(timestampMs);
    const missing = participant.timeline.missing - participant.missing;
    if (missing > 0) {
      participant.missing += missing;
      this.#hooks.missing(missing);
    }
    participant.ear?.push(pcm, atMs);
  }

  close(): void {
    for (const { ear } of this.#participants.values()) ear?.close();
    this.#participants.clear();
    this.#last = undefined;
    this.#leader = undefined;
  }

  #of(id: string): Participant {
    // Nearly always the one before: mixed calls have no other.
    if (this.#last?.id === id) return this.#last.participant;
    const participant = this.#participants.get(id) ?? this.#arrive();
    this.#participants.delete(id);
    this.#participants.set(id, participant);
    this.#last = { id, participant };
    return participant;
  }

  #arrive(): Participant {
    const [oldest] = this.#participants;
    if (this.#participants.size >= MOST_EARS && oldest) this.#leave(oldest[0], oldest[1]);
    const ear = this.#open();
    if (ear) this.#listenTo(ear);
    return { ear, timeline: new FrameTimeline(), missing: 0 };
  }

  #leave(id: string, { ear }: Participant): void {
    this.#participants.delete(id);
    if (this.#last?.id === id) this.#last = undefined;
    if (!ear) return;
    const { span } = ear;
    ear.close();
    if (this.#leader === ear) this.#ended(ear, { atMs: 0, heardMs: 0, ...span });
  }

  #listenTo(ear: VoiceEar): void {
    ear.onSpeechStart = () => {
      if (this.#leader) return;
      this.#leader = ear;
      this.#carried = NOTHING;
      this.#hooks.voiceStarted();
    };
    ear.onVoice = (span) => {
      if (this.#leader === ear) this.#hooks.voice(sum(this.#carried, span));
    };
    ear.onSpeechEnd = (event) => {
      if (this.#leader === ear) this.#ended(ear, event);
    };
  }

  #ended(ear: VoiceEar, event: VoiceEvent): void {
    const whole = sum(this.#carried, event);
    this.#leader = undefined;
    for (const { ear: other } of this.#participants.values()) {
      if (!other?.speaking || other === ear) continue;
      const { voicedMs, clearMs } = other.span;
      this.#leader = other;
      this.#carried = { voicedMs: whole.voicedMs - voicedMs, clearMs: whole.clearMs - clearMs };
      return;
    }
    this.#hooks.voiceEnded({ ...event, ...whole });
  }
}

const sum = (a: VoiceSpan, b: VoiceSpan): VoiceSpan => ({
  voicedMs: a.voicedMs + b.voicedMs,
  clearMs: a.clearMs + b.clearMs,
});

/**
 * Whether somebody's sound and words count for nothing: other bots in the call.
 * @param prefixes of raw ids
 */
export const isIgnored = (rawId: string | undefined, prefixes: readonly string[]): boolean =>
  rawId !== undefined && prefixes.some((prefix) => rawId.startsWith(prefix));
