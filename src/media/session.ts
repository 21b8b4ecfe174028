/**
 * One call at its media worker: what the caller says becomes turns, what the agent answers becomes sound. Audio stays
 * here; the actor hears of turns. One input at a time; a caller who speaks while the agent does cuts the reply.
 */
import { randomUUID } from 'node:crypto';
import type { CallOrigin, Saying } from '../actors/call-messages.js';
import type { Responder } from '../agent/responder.js';
import type { SampleRate } from '../audio/pcm.js';
import type { TurnOffer } from '../call/turn.js';
import { applyTurn, type ConversationContext, emptyContext } from '../memory/context.js';
import { Playout, type PlayoutClock } from './playout.js';
import type { CallLink, MediaLine, MediaLog, MediaMetrics, MediaPosition, Voice } from './ports.js';
import { Reply, type ReplyOutcome, type Splitter } from './reply.js';
import { TurnSender } from './turn-sender.js';

export interface Phrases {
  /** Said when the agent or the speech fails. */
  readonly fallback: string;
  /** Said after a gap that the caller heard. */
  readonly bridge: string;
}

export interface SessionServices {
  readonly link: CallLink;
  readonly clock: PlayoutClock;
  readonly voice: Voice;
  readonly responder: Responder;
  readonly splitter: () => Splitter;
  readonly phrases: Phrases;
  readonly locale: string;
  readonly metrics: MediaMetrics;
  readonly log: MediaLog;
  /** Keeps the call in this worker's affinity set. */
  readonly affinity: { add(callId: string): Promise<void>; remove(callId: string): Promise<void> };
  hangUp(callId: string): void;
}

/** The caller's words, final, from whichever worker heard them. */
export interface Heard {
  readonly text: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** On close the last turns have this long to reach the actor, ms. */
const LAST_TURNS_MS = 4_000;
const ATTACH_RETRY_MS = 250;

export class MediaSession {
  readonly callId: string;
  readonly #origin: CallOrigin;
  readonly #line: MediaLine;
  readonly #services: SessionServices;
  readonly #playout: Playout;
  readonly #sampleRate: SampleRate;
  readonly #sender: TurnSender;
  #position: MediaPosition | undefined;
  #context: ConversationContext = emptyContext();
  #reply: Reply | undefined;
  /** Inputs are taken one after the other. */
  #inputs: Promise<void> = Promise.resolve();
  #closed = false;
  #fenced = false;
  readonly #openedAt = performance.now();

  constructor(
    callId: string,
    origin: CallOrigin,
    line: MediaLine,
    sampleRate: SampleRate,
    services: SessionServices,
  ) {
    this.callId = callId;
    this.#origin = origin;
    this.#line = line;
    this.#sampleRate = sampleRate;
    this.#services = services;
    this.#playout = new Playout(services.clock, line, sampleRate);
    this.#sender = new TurnSender({
      send: (turnNo, offer) => services.link.turn(callId, this.#position ?? NOWHERE, turnNo, offer),
      reattach: () => this.#attachAgain(),
      fenced: () => this.#lose('RTV_FENCED_MEDIA'),
      answered: (durable, ms) => services.metrics.turnAnswered(durable, ms),
      lost: (reason) => services.metrics.turnLost(reason),
    });
  }

  /** Attaches to the actor and greets, or goes on where another worker stopped. */
  open(): void {
    this.#enqueue(async () => {
      await this.#services.affinity.add(this.callId).catch(() => undefined);
      let saying: Saying | undefined;
      while (!this.#closed && !this.#position) {
        const attached = await this.#services.link.attach(this.callId, this.#origin, undefined);
        if (attached.ok) {
          this.#position = { incarnation: attached.incarnation, mediaEpoch: attached.mediaEpoch };
          this.#context = attached.context;
          saying = attached.saying;
        } else if (attached.code === 'RTV_CALL_ENDED' || attached.code === 'RTV_CALL_UNKNOWN') {
          this.#lose(attached.code);
        } else {
          await pause(ATTACH_RETRY_MS);
        }
      }
      if (!this.#closed) this.#resume(saying);
    });
  }

  /** The caller's final words. Cuts a reply that is being heard. */
  heard(utterance: Heard): void {
    if (this.#closed || utterance.text.trim() === '') return;
    const finalAt = performance.now();
    this.interrupt();
    this.#enqueue(async () => {
      this.interrupt();
      await this.#reply?.done;
      const durable = await this.#turn({
        turnId: randomUUID(),
        role: 'user',
        text: utterance.text,
        agent: this.#context.activeAgent,
        startedAtMs: utterance.startedAtMs,
        endedAtMs: utterance.endedAtMs,
      });
      if (!durable) this.#services.log.warn({ callId: this.callId }, 'turn is not durable yet');
      this.#answer(utterance.text, finalAt);
    });
  }

  /** A frame of the caller's audio; the buffer is valid during the call alone. */
  audio(_pcm: Buffer, _silent: boolean): void {
    this.#services.metrics.frameIn();
  }

  /** A DTMF tone is a turn of its own. */
  tone(tone: string): void {
    const now = Date.now();
    this.heard({ text: tone, startedAtMs: now, endedAtMs: now });
  }

  /** Stops the reply that is being heard, at once. */
  interrupt(): void {
    const reply = this.#reply;
    if (!reply || reply.signal.aborted) return;
    if (this.#playout.playing) this.#services.metrics.interrupted();
    reply.interrupt();
  }

  get speaking(): boolean {
    return this.#playout.playing;
  }

  get context(): ConversationContext {
    return this.#context;
  }

  get position(): MediaPosition | undefined {
    return this.#position;
  }

  /** The socket is gone: hand in what was said, let go of the call. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#reply?.interrupt();
    this.#playout.close();
    await Promise.race([this.#inputs, pause(LAST_TURNS_MS)]);
    await this.#reply?.done;
    await this.#sender.close(LAST_TURNS_MS);
    if (this.#position && !this.#fenced) await this.#services.link.detach(this.callId, this.#position);
    await this.#services.affinity.remove(this.callId).catch(() => undefined);
  }

  #resume(saying: Saying | undefined): void {
    const last = this.#context.window.at(-1);
    if (!last && !saying) {
      this.#answer(undefined, this.#openedAt);
    } else if (saying) {
      // Begun elsewhere and perhaps heard in part: said again from its last sentence.
      const again = saying.sentences.slice(-1).join(' ');
      this.#speak(literal(again), this.#openedAt);
    } else if (last?.role === 'user') {
      this.#answer(last.text, this.#openedAt);
    }
  }

  #answer(heard: string | undefined, since: number): void {
    const { responder, locale } = this.#services;
    const context = this.#context;
    this.#speak((signal) => responder.reply({ context, heard, locale }, signal), since, heard === undefined);
  }

  #speak(
    parts: (signal: AbortSignal) => ReturnType<Responder['reply']>,
    since: number,
    greeting = false,
  ): void {
    if (this.#closed) return;
    const turnId = randomUUID();
    const { metrics, phrases, log } = this.#services;
    const reply = new Reply(this.#playout, this.#services.voice, this.#sampleRate, {
      saying: (sentences) => this.#recordSaying({ turnId, sentences: [...sentences] }),
      started: (from) => {
        const ms = performance.now() - since;
        if (greeting) metrics.greeting(ms);
        else metrics.firstFrame(ms, from);
      },
      failed: (what) => {
        metrics.failed(what);
        log.warn({ callId: this.callId, what }, 'fallback phrase');
        return phrases.fallback;
      },
    });
    const spoken = reply.speak(parts(reply.signal), this.#services.splitter());
    this.#reply = reply;
    reply.done = spoken
      .then((outcome) => this.#replied(turnId, outcome))
      .finally(() => {
        if (this.#reply === reply) this.#reply = undefined;
      });
  }

  async #replied(turnId: string, outcome: ReplyOutcome): Promise<void> {
    if (outcome.text !== '' || outcome.patch) {
      const turn = this.#turn({
        turnId,
        role: 'agent',
        text: outcome.text,
        agent: this.#services.responder.agent,
        startedAtMs: outcome.startedAtMs,
        endedAtMs: outcome.endedAtMs,
        ...(outcome.interrupted ? { interrupted: true } : {}),
        ...(outcome.patch ? { patch: outcome.patch } : {}),
      });
      // Its place in the order is taken; the caller's next words do not wait for the answer.
      if (this.#closed) await turn;
    }
    if (outcome.hangUp) this.#services.hangUp(this.callId);
  }

  #turn(offer: TurnOffer): Promise<boolean> {
    this.#context = applyTurn(this.#context, { ...offer, seq: 0, mediaEpoch: 0, turnNo: 0 });
    return this.#sender.offer(offer);
  }

  async #recordSaying(saying: Saying): Promise<void> {
    if (this.#position) await this.#services.link.say(this.callId, this.#position, saying);
  }

  /** The actor lost the session's epoch: take a new one, and send again what it may not have. */
  async #attachAgain(): Promise<boolean> {
    const attached = await this.#services.link.attach(this.callId, this.#origin, this.#position);
    if (!attached.ok) {
      if (attached.code === 'RTV_CALL_ENDED') this.#lose(attached.code);
      return false;
    }
    this.#position = { incarnation: attached.incarnation, mediaEpoch: attached.mediaEpoch };
    this.#sender.renumber();
    return true;
  }

  #lose(code: string): void {
    this.#fenced = true;
    this.#services.log.info({ callId: this.callId, code }, 'media session let go');
    this.#playout.cut();
    this.#line.close(4409, code);
  }

  #enqueue(input: () => Promise<void>): void {
    this.#inputs = this.#inputs.then(input).catch((thrown: unknown) => {
      this.#services.log.warn({ callId: this.callId, error: String(thrown) }, 'input failed');
    });
  }
}

const NOWHERE: MediaPosition = { incarnation: '', mediaEpoch: -1 };

const literal = (text: string) =>
  async function* (): AsyncGenerator<{ kind: 'text'; text: string }> {
    yield { kind: 'text', text };
  };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
