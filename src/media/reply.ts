/**
 * One reply of the agent: its parts streamed from the responder, cut into sentences, each made into speech while the
 * one before is heard. Ends with the words that the caller truly heard.
 */

import type { Saying } from '../actors/call-messages.js';
import type { SpanFacts } from '../actors/ports.js';
import type { ReplyPart } from '../agent/responder.js';
import { FRAME_MS } from '../audio/pcm.js';
import type { ContextPatch } from '../call/turn.js';
import type { Playout } from './playout.js';
import type { Spoken, Voice } from './ports.js';
import type { ReplyStage } from './reply-trace.js';
import { heardWords } from './spoken-words.js';

export interface ReplyHooks {
  /** A sentence was added, before its first frame leaves, or heard to its end. Never rejects. */
  saying(progress: ReplyProgress): Promise<void>;
  /** The first frame of the reply left. */
  started(from: Spoken['from']): void;
  /** Agent or speech failed: the phrase to say instead. */
  failed(what: 'agent' | 'speech'): string;
  /** A stage of the reply ended, begun at `startMs` (wall clock): for the trace. */
  stage(name: ReplyStage, startMs: number, facts?: SpanFacts): void;
}

/** How far a reply has come, enough for another worker to go on with it. */
export type ReplyProgress = Pick<Saying, 'sentences' | 'heard' | 'patch' | 'hangUp'>;

export interface ReplyOutcome {
  /** Another worker goes on with it: it makes no turn here. */
  readonly left: boolean;
  /** What was heard. */
  readonly text: string;
  readonly interrupted: boolean;
  readonly patch: ContextPatch | undefined;
  readonly hangUp: boolean;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** Cuts a stream of text into sentences; the speech folder has the splitter. */
export interface Splitter {
  push(text: string): string[];
  flush(): string[];
}

export class Reply {
  readonly #abort = new AbortController();
  readonly #playout: Playout;
  readonly #voice: Voice;
  readonly #sampleRate: 16000 | 24000;
  readonly #hooks: ReplyHooks;
  readonly #sentences: string[] = [];
  readonly #played: boolean[] = [];
  #patch: ContextPatch | undefined;
  #hangUp = false;
  #startedAtMs = 0;
  #cutText: string | undefined;
  /** The agent has nothing to add. */
  #complete = false;
  #left = false;
  /** Settles when the reply's turn was handed in; its owner sets it. */
  done: Promise<void> = Promise.resolve();
  /** Settles when all that was queued was heard, or the reply was cut. */
  #heard: Promise<void> = Promise.resolve();

  constructor(playout: Playout, voice: Voice, sampleRate: 16000 | 24000, hooks: ReplyHooks) {
    this.#playout = playout;
    this.#voice = voice;
    this.#sampleRate = sampleRate;
    this.#hooks = hooks;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Speaks the reply. Never throws; a failure becomes a spoken phrase. */
  async speak(parts: AsyncIterable<ReplyPart>, splitter: Splitter): Promise<ReplyOutcome> {
    const asked = Date.now();
    let answered = false;
    try {
      for await (const part of parts) {
        if (!answered) this.#hooks.stage('reply.agent', asked);
        answered = true;
        if (this.signal.aborted) break;
        if (part.kind === 'patch') this.#patch = { ...this.#patch, ...part.patch };
        else if (part.kind === 'hangUp') this.#hangUp = true;
        else for (const sentence of splitter.push(part.text)) await this.#say(sentence);
      }
      for (const sentence of splitter.flush()) await this.#say(sentence);
    } catch {
      if (!this.signal.aborted) await this.#say(this.#hooks.failed('agent'));
    }
    this.#complete = true;
    await this.#heard;
    if (this.#startedAtMs > 0) this.#hooks.stage('reply.audio', this.#startedAtMs);
    const interrupted = this.#cutText !== undefined;
    return {
      left: this.#left,
      text: this.#cutText ?? this.#sentences.filter((_, index) => this.#played[index]).join(' '),
      interrupted,
      patch: this.#patch,
      hangUp: this.#hangUp && !interrupted,
      startedAtMs: this.#startedAtMs || Date.now(),
      endedAtMs: Date.now(),
    };
  }

  /** The caller cut in: nothing more of this reply is made, queued or heard. */
  interrupt(): void {
    if (this.signal.aborted) return;
    const { clips } = this.#playout.cut();
    const first = this.#heardThrough();
    const heard = this.#sentences.flatMap((sentence, index) => {
      if (index < first) return [sentence];
      const clip = clips[index - first];
      return clip ? [heardWords(sentence, clip.heardMs, clip.lengthMs)] : [];
    });
    this.#cutText = heard.filter((text) => text !== '').join(' ');
    this.#abort.abort();
  }

  /** Everything the agent has to say is known: another worker can say the rest. */
  get complete(): boolean {
    return this.#complete;
  }

  /**
   * Another worker goes on: the sentence that is being heard is the last one here, if it ends within `patienceMs`.
   * Settles once that, and how far the caller has heard, is recorded.
   */
  async leave(patienceMs: number): Promise<void> {
    if (this.signal.aborted) return;
    this.#left = true;
    this.#playout.dropWaiting();
    const until = performance.now() + patienceMs;
    while (this.#playout.playing && !this.signal.aborted && performance.now() < until) await pause(FRAME_MS);
    if (this.signal.aborted) return;
    this.#playout.cut();
    if (this.#sentences.length > 0) await this.#hooks.saying(this.#progress());
    this.#abort.abort();
  }

  /** Makes one sentence and queues it after the others; does not wait until it is heard. */
  async #say(sentence: string): Promise<void> {
    if (this.signal.aborted) return;
    const index = this.#sentences.length;
    this.#sentences.push(sentence);
    if (this.#left) return;
    const [spoken] = await Promise.all([this.#synthesise(sentence), this.#hooks.saying(this.#progress())]);
    if (!spoken || this.signal.aborted || this.#left) return;
    const played = new Promise<void>((resolve) => {
      this.signal.addEventListener('abort', () => resolve(), { once: true });
      this.#playout.play({
        pcm: spoken.pcm,
        onStarted: () => {
          if (this.#startedAtMs > 0) return;
          this.#startedAtMs = Date.now();
          this.#hooks.started(spoken.from);
        },
        onPlayed: () => {
          this.#played[index] = true;
          // After the last one comes the turn.
          if (index + 1 < this.#sentences.length) void this.#hooks.saying(this.#progress());
          resolve();
        },
      });
    });
    this.#heard = Promise.all([this.#heard, played]).then(() => undefined);
  }

  #progress(): ReplyProgress {
    return {
      sentences: [...this.#sentences],
      heard: this.#heardThrough(),
      ...(this.#patch ? { patch: this.#patch } : {}),
      ...(this.#hangUp ? { hangUp: true } : {}),
    };
  }

  /** Sentences that were heard to their end. */
  #heardThrough(): number {
    let heard = 0;
    while (this.#played[heard]) heard += 1;
    return heard;
  }

  async #synthesise(sentence: string): Promise<Spoken | undefined> {
    const asked = Date.now();
    try {
      const spoken = await this.#voice.speak(sentence, this.#sampleRate, this.signal);
      this.#hooks.stage('reply.speech', asked, { from: spoken.from });
      return spoken;
    } catch {
      if (this.signal.aborted) return undefined;
      // Once more with the phrase that is kept ready; silence would leave the caller guessing.
      const phrase = this.#hooks.failed('speech');
      return this.#voice.speak(phrase, this.#sampleRate, this.signal).catch(() => undefined);
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
