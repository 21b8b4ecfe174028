/**
 * What the agent says on one call: one reply at a time, spoken through the playout, and afterwards a turn made of the
 * words that the caller heard. A reply that began at another worker goes on here as the same turn.
 */
import { randomUUID } from 'node:crypto';
import type { Saying } from '../actors/call-messages.js';
import type { ReplyPart } from '../agent/responder.js';
import type { SampleRate } from '../audio/pcm.js';
import type { Speaker } from '../speech/speaker.js';
import type { SpokenTexts } from '../speech/spoken-texts.js';
import type { Attachment } from './attachment.js';
import { LatestOnly } from './latest-only.js';
import type { Playout } from './playout.js';
import { Reply } from './reply.js';
import { ReplyMeter } from './reply-meter.js';
import type { ReplyOutcome, ReplyPlan } from './reply-plan.js';
import { type ReplyKind, ReplyStory } from './reply-story.js';
import { ReplyTrace } from './reply-trace.js';
import type { SessionServices } from './session-services.js';

/** The words that are answered: when they came, and when they are on record. Times in ms of the monotonic clock. */
export interface Answered {
  readonly finalMs: number;
  /** When the caller's voice fell silent, where it was heard. */
  readonly speechEndMs?: number | undefined;
  readonly recorded?: Promise<unknown>;
}

interface Spoken extends Answered {
  readonly kind?: ReplyKind;
  /** Begun elsewhere: what was heard to its end there is not said again. */
  readonly begun?: { readonly turnId: string; readonly heard: readonly string[] };
}

export interface RepliesHooks {
  /** A reply is being made from now on. */
  began(): void;
  /** The agent has said what it had to say, and it is the caller's turn. */
  callersTurn(): void;
}

export class Replies {
  readonly #callId: string;
  readonly #attachment: Attachment;
  readonly #playout: Playout;
  readonly #sampleRate: SampleRate;
  readonly #services: SessionServices;
  readonly #hooks: RepliesHooks;
  readonly #meter = new ReplyMeter();
  readonly #record: LatestOnly<Saying>;
  #current: Reply | undefined;
  #closed = false;
  /** The last reply ended with the phrase of a failure. */
  #failed = false;
  /** Language of the call so far. */
  #language: string;

  constructor(
    callId: string,
    attachment: Attachment,
    playout: Playout,
    sampleRate: SampleRate,
    services: SessionServices,
    hooks: RepliesHooks,
  ) {
    this.#callId = callId;
    this.#attachment = attachment;
    this.#playout = playout;
    this.#sampleRate = sampleRate;
    this.#services = services;
    this.#record = new LatestOnly((saying) => attachment.say(saying));
    this.#language = services.speakers.of(attachment.context).language;
    this.#hooks = hooks;
  }

  /** A reply is being made or heard. */
  get busy(): boolean {
    return this.#current !== undefined;
  }

  /** Settles when the turn of the current reply was handed in. */
  get done(): Promise<void> {
    return this.#current?.done ?? Promise.resolve();
  }

  /** Lets the agent greet. @param since ms of the monotonic clock, for the figures */
  greet(since: number): void {
    this.#ask(undefined, { finalMs: since, kind: 'greeting' });
  }

  /** Asks the agent. */
  answer(heard: string, answered: Answered): void {
    this.#ask(heard, { ...answered, kind: 'answer' });
  }

  /** Says a phrase of our own. */
  phrase(name: 'reprompt' | 'goodbye', { hangUp = false } = {}): void {
    this.#speak(literal(this.#texts()[name], hangUp), { finalMs: performance.now() });
  }

  /** Goes on with what another worker was saying, from the sentence where it broke. One turn in the record. */
  goOn(saying: Saying, since: number): void {
    const through = saying.heard ?? saying.sentences.length - 1;
    const heard = saying.sentences.slice(0, through);
    const parts = continued(saying.sentences.slice(through), saying);
    this.#speak(parts, { finalMs: since, begun: { turnId: saying.turnId, heard } });
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

  #ask(heard: string | undefined, spoken: Spoken): void {
    const { responder } = this.#services;
    const { context, origin } = this.#attachment;
    const { language: locale } = this.#speaker();
    const used = this.#meter.used.bind(this.#meter);
    const request = { context, heard, locale, traceparent: origin.traceparent, used };
    this.#speak((signal) => responder.reply(request, signal), spoken);
  }

  /** Who speaks by now: the agent or the caller's profile may have changed the language. */
  #speaker(): Speaker {
    const speaker = this.#services.speakers.of(this.#attachment.context);
    const { language } = speaker;
    if (language !== this.#language) this.#services.languageChanged(this.#callId, language);
    this.#language = language;
    return speaker;
  }

  #texts(): SpokenTexts {
    return this.#services.texts.of(this.#speaker().language);
  }

  #speak(parts: (signal: AbortSignal) => AsyncIterable<ReplyPart>, spoken: Spoken): void {
    if (this.#closed) return;
    const { begun, finalMs: since, kind = 'other', recorded, speechEndMs } = spoken;
    const turnId = begun?.turnId ?? randomUUID();
    const before = begun?.heard ?? [];
    const { metrics, log, patience, trace, voice, splitter } = this.#services;
    const texts = this.#texts();
    this.#meter.begin();
    const traced = new ReplyTrace(trace, this.#callId, since);
    const story = new ReplyStory({
      ...{ callId: this.#callId, turnId, kind, since, speechEndMs, failedBefore: this.#failed },
      ...{ texts, meter: this.#meter, traced, metrics, log },
    });
    const plan: ReplyPlan = {
      ...{ speaker: this.#speaker(), ...patience },
      // Patience counts from the caller's words; those of a call that came from elsewhere are older than this worker's.
      since: recorded ? since : performance.now(),
      filler: kind === 'other' ? '' : texts.filler,
      ...(recorded ? { recorded } : {}),
    };
    const reply = new Reply(this.#playout, voice, this.#sampleRate, plan, {
      ...story.hooks(),
      saying: ({ sentences, heard = 0, ...rest }) =>
        this.#record.put({
          turnId,
          sentences: [...before, ...sentences],
          heard: before.length + heard,
          ...rest,
        }),
    });
    this.#current = reply;
    this.#hooks.began();
    reply.done = reply
      .speak(parts, splitter())
      .then((outcome) => {
        const { interrupted, failed } = outcome;
        this.#failed = failed;
        story.end();
        traced.end(this.#attachment.origin.traceparent, { kind, interrupted, failed }, story.waterfall);
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
    else if (!this.#closed && !outcome.interrupted) this.#hooks.callersTurn();
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
