/**
 * One reply of the agent: its parts streamed from the responder, cut into sentences, each made into speech while the
 * one before is heard. Whatever fails or is late becomes something that the caller hears. Ends with the words that were
 * truly heard.
 */
import type { ReplyPart } from '../agent/responder.js';
import { FRAME_MS, type SampleRate } from '../audio/pcm.js';
import { attentionTone } from '../audio/tone.js';
import type { ContextPatch } from '../call/turn.js';
import type { Playout } from './playout.js';
import type { Spoken, Voice } from './ports.js';
import type { ReplyHooks, ReplyOutcome, ReplyPlan, ReplyProgress, Splitter } from './reply-plan.js';
import { ReplyQueue } from './reply-queue.js';

/** Nothing of the reply could be heard in time. */
export class ReplyLate extends Error {
  readonly code = 'RTV_REPLY_LATE';
}

/** Sentences that may wait to be heard: a model may write faster than a caller can listen. */
const MOST_AHEAD = 6;

/** Phrases are in memory. One that is not has what is left of the caller's patience, and this much at least, ms. */
const PHRASE_MS = 250;

export class Reply {
  readonly #cut = new AbortController();
  /** Ends the agent's stream and the synthesis: the reply was cut, or given up. */
  readonly #making = new AbortController();
  readonly #playout: Playout;
  readonly #voice: Voice;
  readonly #sampleRate: SampleRate;
  readonly #plan: ReplyPlan;
  readonly #hooks: ReplyHooks;
  /** Sentences of the reply so far, as they are recorded for whoever goes on with it. */
  readonly #sentences: string[] = [];
  readonly #queue: ReplyQueue;
  #patch: ContextPatch | undefined;
  #hangUp = false;
  #failed = false;
  /** Something of the reply itself, no filler, can be heard or will be at once. */
  #audible = false;
  #startedAtMs = 0;
  #cutAtMs = 0;
  #cutText: string | undefined;
  /** The agent has nothing to add. */
  #complete = false;
  #left = false;
  /** Settles when the reply's turn was handed in; its owner sets it. */
  done: Promise<void> = Promise.resolve();
  /** Settles when what is said in place of a failure was queued. */
  #excuse: Promise<void> = Promise.resolve();

  constructor(playout: Playout, voice: Voice, sampleRate: SampleRate, plan: ReplyPlan, hooks: ReplyHooks) {
    this.#playout = playout;
    this.#voice = voice;
    this.#sampleRate = sampleRate;
    this.#plan = plan;
    this.#hooks = hooks;
    this.#queue = new ReplyQueue(playout, sampleRate, (own) => {
      // After the last one comes the turn.
      if (own && this.#queue.heardThrough < this.#sentences.length) void hooks.saying(this.#progress());
    });
  }

  /** Aborted when the reply was cut. */
  get signal(): AbortSignal {
    return this.#cut.signal;
  }

  /** Speaks the reply. Never throws; a failure becomes a spoken phrase. @param parts asked for with the signal of its making */
  async speak(
    parts: (signal: AbortSignal) => AsyncIterable<ReplyPart>,
    splitter: Splitter,
  ): Promise<ReplyOutcome> {
    const ended = new Promise<void>((resolve) => {
      this.#making.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const endWatch = this.#watch();
    try {
      // An agent that does not listen to its signal is not waited for.
      await Promise.race([this.#make(parts, splitter), ended]);
      if (this.#failed) await this.#excuse;
    } finally {
      endWatch();
    }
    this.#complete = true;
    await this.#queue.done();
    this.#making.abort();
    if (this.#startedAtMs > 0) this.#hooks.stage('reply.audio', this.#startedAtMs);
    const interrupted = this.#cutText !== undefined;
    return {
      left: this.#left,
      text: this.#cutText ?? this.#queue.heardText,
      interrupted,
      failed: this.#failed,
      patch: this.#patch,
      hangUp: this.#hangUp && !interrupted,
      startedAtMs: this.#startedAtMs || Date.now(),
      endedAtMs: this.#cutAtMs || Date.now(),
    };
  }

  /** The caller cut in: nothing more of this reply is made, queued or heard. */
  interrupt(): void {
    if (this.signal.aborted) return;
    this.#cutAtMs = Date.now();
    this.#cutText = this.#queue.textUntil(this.#playout.cut());
    this.#end();
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
    this.#end();
  }

  /** Nothing more is made: cut, or given up. */
  get #over(): boolean {
    return this.#failed || this.signal.aborted;
  }

  async #make(parts: (signal: AbortSignal) => AsyncIterable<ReplyPart>, splitter: Splitter): Promise<void> {
    const asked = Date.now();
    let answered = false;
    try {
      for await (const part of parts(this.#making.signal)) {
        if (this.#over) return;
        if (!answered) this.#hooks.stage('reply.agent', asked);
        answered = true;
        if (part.kind === 'patch') this.#patch = { ...this.#patch, ...part.patch };
        else if (part.kind === 'hangUp') this.#hangUp = true;
        else {
          this.#hooks.reached('first_token');
          for (const sentence of splitter.push(part.text)) await this.#say(sentence);
        }
      }
      for (const sentence of splitter.flush()) await this.#say(sentence);
    } catch (thrown) {
      this.#fail('agent', thrown);
    }
  }

  /** Makes one sentence and queues it after the others; waits for these to be heard only when they are many. */
  async #say(sentence: string): Promise<void> {
    await this.#queue.room(MOST_AHEAD);
    if (this.#over) return;
    this.#hooks.reached('first_sentence');
    this.#sentences.push(sentence);
    if (this.#left) return;
    const recorded = Promise.all([this.#plan.recorded, this.#hooks.saying(this.#progress())]);
    const asked = Date.now();
    let spoken: Spoken;
    try {
      spoken = await this.#voice.speak(sentence, this.#sampleRate, this.#making.signal, this.#plan.speaker);
    } catch (thrown) {
      this.#fail('speech', thrown);
      return;
    }
    this.#hooks.reached('first_audio');
    this.#hooks.stage('reply.speech', asked, { from: spoken.from });
    const made = performance.now();
    await recorded.catch(() => undefined);
    const waitedMs = performance.now() - made;
    if (this.#over || this.#left) return;
    this.#audible = true;
    this.#queue.add({ text: sentence, own: true }, spoken.pcm, () => {
      if (this.#startedAtMs === 0) this.#startedAtMs = Date.now();
      this.#hooks.reached('first_frame');
      this.#hooks.started(spoken.from, waitedMs);
    });
  }

  #end(): void {
    this.#cut.abort();
    this.#making.abort();
    this.#queue.giveUp();
  }

  #progress(): ReplyProgress {
    return {
      sentences: [...this.#sentences],
      heard: this.#queue.heardThrough,
      ...(this.#patch ? { patch: this.#patch } : {}),
      ...(this.#hangUp ? { hangUp: true } : {}),
    };
  }

  /** Filler and fallback at their times, unless something of the reply can be heard by then. */
  #watch(): () => void {
    const { since, filler, fillerMs, fallbackMs } = this.#plan;
    const left = (ms: number): number => Math.max(0, since + ms - performance.now());
    const timers = [
      setTimeout(() => {
        if (!this.#audible && !this.#left)
          this.#fail(this.#sentences.length > 0 ? 'speech' : 'agent', new ReplyLate());
      }, left(fallbackMs)),
    ];
    if (filler !== '' && fillerMs > 0) {
      timers.push(
        setTimeout(() => {
          void this.#phrase(filler).then((spoken) => {
            // One that comes too late, or not at all, is no loss.
            if (spoken && !this.#audible && !this.#over && !this.#left)
              this.#queue.add({ text: filler, own: false }, spoken.pcm, () => this.#began());
          });
        }, left(fillerMs)),
      );
    }
    return () => {
      for (const timer of timers) clearTimeout(timer);
    };
  }

  #began(): void {
    if (this.#startedAtMs === 0) this.#startedAtMs = Date.now();
  }

  #fail(what: 'agent' | 'speech', cause: unknown): void {
    if (this.#over) return;
    this.#failed = true;
    const phrase = this.#hooks.failed(what, cause);
    this.#excuse = this.#phrase(phrase).then((spoken) => {
      if (this.signal.aborted) return;
      // Not even the phrase can be had: a sound says that the line is not dead.
      const pcm = spoken?.pcm ?? attentionTone(this.#sampleRate);
      this.#queue.add({ text: spoken ? phrase : '', own: false }, pcm, () => this.#began());
    });
    this.#making.abort();
  }

  /** A phrase that was made before it was needed; undefined where it was not. Never throws. */
  async #phrase(text: string): Promise<Spoken | undefined> {
    const limit = new AbortController();
    const end = (): void => limit.abort();
    const { since, fallbackMs } = this.#plan;
    const timer = setTimeout(end, PHRASE_MS + Math.max(0, since + fallbackMs - performance.now()));
    this.signal.addEventListener('abort', end, { once: true });
    try {
      return await this.#voice.speak(text, this.#sampleRate, limit.signal, this.#plan.speaker);
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
      this.signal.removeEventListener('abort', end);
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
