/** One caller on the line: sends audio on the clock, says words, and notes what the worker sends. */

import type { CallerAudio } from './caller-audio.js';
import type { Host } from './host-control.js';
import type { HostTurn } from './host-messages.js';
import { audioOf, frameMessage, kindOf, metadataMessage, wordsMessage } from './messages.js';
import type { Pacer } from './pacer.js';
import { PhoneLine } from './wire.js';

/** What the worker sent. Times are monotonic ms. */
export interface Received {
  readonly kind: 'audio' | 'stop';
  readonly atMs: number;
  /** Base64 of the frame; '' for StopAudio. */
  readonly audio: string;
}

const CALL_HEADER = 'x-ms-call-connection-id';

export class TestCall {
  readonly id: string;
  readonly audio: CallerAudio;
  /** Since the last `clear`. */
  received: Received[] = [];
  /** The latest that a frame of ours left after its time, since the last `clear`, ms: then we, too, saw things late. */
  lateMs = 0;
  readonly #host: Host;
  readonly #media: PhoneLine;
  readonly #words: PhoneLine | undefined;
  readonly #pacing: { startMs: number; stop: () => void };
  #frame = 0;
  #waiting: (() => void)[] = [];

  private constructor(
    id: string,
    audio: CallerAudio,
    host: Host,
    lines: { media: PhoneLine; words: PhoneLine },
    pacer: Pacer,
  ) {
    this.id = id;
    this.audio = audio;
    this.#host = host;
    this.#media = lines.media;
    this.#words = lines.words;
    lines.media.onText = (payload) => this.#take(payload);
    lines.media.send(metadataMessage());
    this.#pacing = pacer.add({
      frame: (number, dueMs) => {
        this.#frame = number;
        this.lateMs = Math.max(this.lateMs, performance.now() - dueMs);
        this.#media.send(frameMessage(this.audio.frame(number)));
        for (const wake of this.#waiting.splice(0)) wake();
      },
    });
  }

  static async open(id: string, audio: CallerAudio, host: Host, pacer: Pacer): Promise<TestCall> {
    const headers = { [CALL_HEADER]: id };
    const [media, words] = await Promise.all(
      ['media', 'transcription'].map((kind) =>
        PhoneLine.open({ port: host.port, path: `/acs/${kind}/${id}`, headers }),
      ),
    );
    if (!media || !words) throw new Error('no line');
    return new TestCall(id, audio, host, { media, words }, pacer);
  }

  /** The frame that is being spoken now. */
  get frame(): number {
    return this.#frame + 1;
  }

  /** When a frame of the caller's sound begins, monotonic ms. */
  timeOf(frame: number): number {
    return this.#pacing.startMs + frame * 20;
  }

  /** What a recogniser understood. */
  words(text: string, final: boolean): void {
    this.#words?.send(wordsMessage(text, final));
  }

  clear(): void {
    this.received = [];
    this.lateMs = 0;
  }

  /** Waits, frame by frame, until something is so. @returns false when it was not within the time */
  async until(condition: () => boolean, withinMs: number): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    while (!condition()) {
      if (performance.now() > deadline) return false;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return true;
  }

  async untilMs(timeMs: number): Promise<void> {
    await this.until(() => performance.now() >= timeMs, timeMs - performance.now() + 10_000);
  }

  async turns(): Promise<readonly HostTurn[]> {
    return (await this.#host.ask({ kind: 'call', callId: this.id })).turns;
  }

  async close(): Promise<void> {
    this.#pacing.stop();
    for (const wake of this.#waiting.splice(0)) wake();
    await Promise.all([this.#media.close(), this.#words?.close()]);
  }

  #take(payload: Buffer): void {
    const kind = kindOf(payload);
    if (kind === 'other') return;
    const audio = kind === 'audio' ? audioOf(payload) : '';
    this.received.push({ kind, atMs: performance.now(), audio });
  }
}
