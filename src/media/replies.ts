/**
 * What the agent says on one call: one reply at a time, spoken through the playout, and afterwards a turn made of the
 * words that the caller heard. A reply that began at another worker goes on here as the same turn.
 */
import { randomUUID } from 'node:crypto';
import type { Saying } from '../actors/call-messages.js';
import type { ReplyPart } from '../agent/responder.js';
import type { SampleRate } from '../audio/pcm.js';
import type { Attachment } from './attachment.js';
import { LatestOnly } from './latest-only.js';
import type { Playout } from './playout.js';
import { Reply, type ReplyOutcome } from './reply.js';
import { ReplyMeter } from './reply-meter.js';
import { ReplyTrace } from './reply-trace.js';
import type { SessionServices } from './session-services.js';

interface Spoken {
  readonly greeting?: boolean;
  /** Begun elsewhere: what was heard to its end there is not said again. */
  readonly begun?: { readonly turnId: string; readonly heard: readonly string[] };
}

export class Replies {
  readonly #callId: string;
  readonly #attachment: Attachment;
  readonly #playout: Playout;
  readonly #sampleRate: SampleRate;
  readonly #services: SessionServices;
  /** The agent has said what it had to say, and it is the caller's turn. */
  readonly #callersTurn: () => void;
  readonly #meter = new ReplyMeter();
  readonly #record: LatestOnly<Saying>;
  #current: Reply | undefined;
  #closed = false;

  constructor(
    callId: string,
    attachment: Attachment,
    playout: Playout,
    sampleRate: SampleRate,
    services: SessionServices,
    callersTurn: () => void,
  ) {
    this.#callId = callId;
    this.#attachment = attachment;
    this.#playout = playout;
    this.#sampleRate = sampleRate;
    this.#services = services;
    this.#callersTurn = callersTurn;
    this.#record = new LatestOnly((saying) => attachment.say(saying));
  }

  /** A reply is being made or heard. */
  get busy(): boolean {
    return this.#current !== undefined;
  }

  /** Settles when the turn of the current reply was handed in. */
  get done(): Promise<void> {
    return this.#current?.done ?? Promise.resolve();
  }

  /** Asks the agent. @param heard undefined for the greeting. @param since ms of the monotonic clock, for the figures */
  answer(heard: string | undefined, since: number): void {
    const { responder, locale } = this.#services;
    const { context } = this.#attachment;
    const used = this.#meter.used.bind(this.#meter);
    this.#speak((signal) => responder.reply({ context, heard, locale, used }, signal), since, {
      greeting: heard === undefined,
    });
  }

  /** Says a phrase of our own. */
  phrase(text: string, { hangUp = false } = {}): void {
    this.#speak(literal(text, hangUp), performance.now());
  }

  /** Goes on with what another worker was saying, from the sentence where it broke. One turn in the record. */
  goOn(saying: Saying, since: number): void {
    const through = saying.heard ?? saying.sentences.length - 1;
    const heard = saying.sentences.slice(0, through);
    const parts = continued(saying.sentences.slice(through), saying);
    this.#speak(parts, since, { begun: { turnId: saying.turnId, heard } });
  }

  /** Another worker goes on with what is being said, from the next sentence. */
  async leave(patienceMs: number): Promise<void> {
    await this.#current?.leave(patienceMs);
  }

  /** The agent has words to add to what is being said. */
  get thinking(): boolean {
    return this.#current !== undefined && !this.#current.complete;
  }

  /** Stops the reply that is being heard, at once. */
  interrupt(): void {
    const reply = this.#current;
    if (!reply || reply.signal.aborted) return;
    if (this.#playout.playing) this.#services.metrics.interrupted();
    reply.interrupt();
  }

  /** Nothing more is said; `done` settles with the last turn acknowledged, or given up. */
  close(): void {
    this.#closed = true;
    this.#current?.interrupt();
  }

  #speak(
    parts: (signal: AbortSignal) => AsyncIterable<ReplyPart>,
    since: number,
    { greeting = false, begun }: Spoken = {},
  ): void {
    if (this.#closed) return;
    const turnId = begun?.turnId ?? randomUUID();
    const before = begun?.heard ?? [];
    const { metrics, phrases, log } = this.#services;
    this.#meter.begin();
    const traced = new ReplyTrace(this.#services.trace, this.#callId, since);
    const reply = new Reply(this.#playout, this.#services.voice, this.#sampleRate, {
      saying: ({ sentences, heard = 0, ...rest }) =>
        this.#record.put({
          turnId,
          sentences: [...before, ...sentences],
          heard: before.length + heard,
          ...rest,
        }),
      started: (from) => {
        const ms = performance.now() - since;
        this.#meter.stage('first_audio', ms);
        if (greeting) metrics.greeting(ms);
        else metrics.firstFrame(ms, from);
      },
      failed: (what) => {
        metrics.failed(what);
        const code = what === 'agent' ? 'RTV_AGENT_FAILED' : 'RTV_SPEECH_FAILED';
        log.warn({ callId: this.#callId, code }, 'fallback phrase');
        return phrases.fallback;
      },
      stage: (name, startMs, facts) => {
        traced.stage(name, startMs, facts);
        // How long the words sounded is no latency.
        if (name !== 'reply.audio') this.#meter.stage(name.slice('reply.'.length), Date.now() - startMs);
      },
    });
    const spoken = reply.speak(parts(reply.signal), this.#services.splitter());
    this.#current = reply;
    reply.done = spoken
      .then((outcome) => {
        traced.end(this.#attachment.origin.traceparent, { greeting, interrupted: outcome.interrupted });
        if (outcome.left) return undefined;
        return this.#ended(turnId, outcome, before);
      })
      .finally(() => {
        if (this.#current === reply) this.#current = undefined;
      });
  }

  async #ended(turnId: string, outcome: ReplyOutcome, before: readonly string[]): Promise<void> {
    const text = [...before, outcome.text].filter((part) => part !== '').join(' ');
    if (text !== '' || outcome.patch) {
      const measures = this.#meter.take();
      const turn = this.#attachment.turn({
        turnId,
        role: 'agent',
        text,
        agent: this.#services.responder.agent,
        startedAtMs: outcome.startedAtMs,
        endedAtMs: outcome.endedAtMs,
        ...(outcome.interrupted ? { interrupted: true } : {}),
        ...(outcome.patch ? { patch: outcome.patch } : {}),
        ...(measures ? { measures } : {}),
      });
      // Its place in the order is taken; the caller's next words do not wait for the answer.
      if (this.#closed) await turn;
    }
    if (outcome.hangUp) this.#services.hangUp(this.#callId);
    else if (!this.#closed && !outcome.interrupted) this.#callersTurn();
  }
}

/** What another worker had left to say, sentence by sentence, with what belongs to its turn. */
const continued = (sentences: readonly string[], { patch, hangUp }: Saying) =>
  async function* (): AsyncGenerator<ReplyPart> {
    if (patch) yield { kind: 'patch', patch };
    for (const text of sentences) yield { kind: 'text', text: `${text} ` };
    if (hangUp) yield { kind: 'hangUp' };
  };

const literal = (text: string, hangUp = false) =>
  async function* (): AsyncGenerator<ReplyPart> {
    yield { kind: 'text', text };
    if (hangUp) yield { kind: 'hangUp' };
  };
