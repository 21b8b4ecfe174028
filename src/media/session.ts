/**
 * One call at its media worker: what the caller says becomes turns, what the agent answers becomes sound. Audio stays
 * here; the actor hears of turns. One input at a time; a caller who speaks while the agent does cuts the reply.
 */
import { randomUUID } from 'node:crypto';
import type { CallOrigin, Saying } from '../actors/call-messages.js';
import type { CallTrace } from '../actors/ports.js';
import type { ReplyPart, Responder } from '../agent/responder.js';
import { FRAME_MS, type SampleRate } from '../audio/pcm.js';
import type { TurnOffer } from '../call/turn.js';
import { applyTurn, type ConversationContext, emptyContext } from '../memory/context.js';
import { BargeIn } from './barge-in.js';
import { Playout, type PlayoutClock } from './playout.js';
import type { CallLink, MediaLine, MediaLog, MediaMetrics, MediaPosition, Voice } from './ports.js';
import { Reply, type ReplyOutcome, type Splitter } from './reply.js';
import { ReplyMeter } from './reply-meter.js';
import { ReplyTrace } from './reply-trace.js';
import { Silence, type SilenceSettings } from './silence.js';
import { TurnSender } from './turn-sender.js';

/** What of voice activity a session uses: a channel that is fed frames and tells onsets and ends. */
export interface VoiceEar {
  push(frame: Buffer, atMs: number): void;
  onSpeechStart: ((event: { atMs: number; heardMs: number }) => void) | undefined;
  onSpeechEnd: ((event: { atMs: number; heardMs: number }) => void) | undefined;
  close(): void;
}

export interface Phrases {
  /** Said when the agent or the speech fails. */
  readonly fallback: string;
  /** Said after a gap that the caller heard. */
  readonly bridge: string;
  /** Said to a caller who says nothing. */
  readonly reprompt: string;
  /** Said before hanging up on one who still says nothing. */
  readonly goodbye: string;
}

export interface SessionServices {
  readonly link: CallLink;
  readonly clock: PlayoutClock;
  readonly voice: Voice;
  readonly responder: Responder;
  readonly trace: CallTrace;
  readonly splitter: () => Splitter;
  readonly phrases: Phrases;
  /** Voice activity; without it only words interrupt. */
  readonly voices?: { open(sampleRate: SampleRate): VoiceEar };
  readonly silence: SilenceSettings;
  readonly locale: string;
  readonly metrics: MediaMetrics;
  readonly log: MediaLog;
  /** Keeps the call in this worker's affinity set. */
  readonly affinity: { add(callId: string): Promise<void>; remove(callId: string): Promise<void> };
  hangUp(callId: string): void;
}

/** The caller's words, from whichever worker heard them. */
export interface Heard {
  readonly text: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** false: an intermediate result, which may interrupt but is no turn. */
  readonly final: boolean;
}

/** On close the last turns have this long to reach the actor, ms. */
const LAST_TURNS_MS = 4_000;
const ATTACH_RETRY_MS = 250;

export class MediaSession {
  readonly callId: string;
  #origin: CallOrigin;
  readonly #line: MediaLine;
  readonly #services: SessionServices;
  readonly #playout: Playout;
  readonly #sampleRate: SampleRate;
  readonly #sender: TurnSender;
  readonly #meter = new ReplyMeter();
  #position: MediaPosition | undefined;
  #context: ConversationContext = emptyContext();
  #reply: Reply | undefined;
  /** Inputs are taken one after the other. */
  #inputs: Promise<void> = Promise.resolve();
  #closed = false;
  #fenced = false;
  readonly #bargeIn: BargeIn;
  readonly #silence: Silence;
  readonly #ear: VoiceEar | undefined;
  /** Time on the caller's audio, ms: frames so far. */
  #streamMs = 0;
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
    this.#bargeIn = new BargeIn({
      playing: () => this.#reply !== undefined && this.#playout.playing,
      pause: () => {
        services.metrics.paused();
        this.#playout.pause();
      },
      resume: () => this.#playout.resume(),
      cancel: () => {
        this.interrupt();
        this.#silence.start();
      },
    });
    this.#silence = new Silence(services.silence, {
      reprompt: () => this.#speak(literal(services.phrases.reprompt), performance.now()),
      goodbye: () => this.#speak(literal(services.phrases.goodbye, true), performance.now()),
    });
    this.#ear = services.voices?.open(sampleRate);
    if (this.#ear) {
      this.#ear.onSpeechStart = ({ atMs, heardMs }) => {
        this.#silence.hold();
        this.#bargeIn.onset(heardMs - atMs);
      };
      this.#ear.onSpeechEnd = () => {
        this.#bargeIn.offset();
        if (!this.#reply) this.#silence.start();
      };
    }
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
          this.#origin = attached.origin;
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

  /** The caller's words. Final ones are a turn and cut the reply that is being heard; a backchannel does not. */
  heard(utterance: Heard): void {
    if (this.#closed || utterance.text.trim() === '') return;
    this.#silence.stop();
    if (!utterance.final) {
      this.#bargeIn.words(utterance.text);
      return;
    }
    const finalAt = performance.now();
    const aside = this.#playout.playing && this.#bargeIn.isBackchannel(utterance.text);
    if (aside) this.#bargeIn.offset();
    else this.interrupt();
    this.#enqueue(async () => {
      if (!aside) {
        this.interrupt();
        await this.#reply?.done;
      }
      const durable = await this.#turn({
        turnId: randomUUID(),
        role: 'user',
        text: utterance.text,
        agent: this.#context.activeAgent,
        startedAtMs: utterance.startedAtMs,
        endedAtMs: utterance.endedAtMs,
      });
      if (!durable) this.#services.log.warn({ callId: this.callId }, 'turn is not durable yet');
      if (!aside) this.#answer(utterance.text, finalAt);
    });
  }

  /** A frame of the caller's audio; the buffer is valid during the call alone. */
  audio(pcm: Buffer): void {
    this.#services.metrics.frameIn();
    this.#ear?.push(pcm, this.#streamMs);
    this.#streamMs += FRAME_MS;
  }

  /** A DTMF tone is a turn of its own. */
  tone(tone: string): void {
    const now = Date.now();
    this.heard({ text: tone, startedAtMs: now, endedAtMs: now, final: true });
  }

  /** Stops the reply that is being heard, at once. */
  interrupt(): void {
    const reply = this.#reply;
    if (!reply || reply.signal.aborted) return;
    if (this.#playout.playing) this.#services.metrics.interrupted();
    reply.interrupt();
  }

  /** Others have the call by now: silence, and the socket closes. */
  abandon(): void {
    this.#sender.abandon('fenced');
    this.#lose('RTV_FENCED_MEDIA');
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
    this.#bargeIn.close();
    this.#silence.stop();
    this.#ear?.close();
    this.#reply?.interrupt();
    this.#playout.close();
    await Promise.race([this.#inputs, pause(LAST_TURNS_MS)]);
    await this.#reply?.done;
    await this.#sender.close(LAST_TURNS_MS);
    if (this.#position && !this.#fenced) await this.#services.link.detach(this.callId, this.#position, false);
    await this.#services.affinity.remove(this.callId).catch(() => undefined);
  }

  /**
   * Gives the call to another worker, between two utterances when there is a pause within `patienceMs`. From here on
   * this worker is silent; ACS opens a socket elsewhere and closes this one.
   */
  async handOver(patienceMs: number): Promise<void> {
    const until = performance.now() + patienceMs;
    while (!this.#closed && (this.#reply || this.#playout.playing) && performance.now() < until)
      await pause(FRAME_MS);
    if (this.#closed || !this.#position) return;
    this.#silence.stop();
    this.#bargeIn.close();
    this.#playout.cut();
    await this.#sender.close(LAST_TURNS_MS);
    this.#fenced = true;
    await this.#services.link.detach(this.callId, this.#position, true);
  }

  #resume(saying: Saying | undefined): void {
    const last = this.#context.window.at(-1);
    if (!last && !saying) {
      this.#answer(undefined, this.#openedAt);
    } else if (saying) {
      // Begun elsewhere and perhaps heard in part: said again from its last sentence, and one turn in the record.
      const again = saying.sentences.slice(-1).join(' ');
      this.#speak(literal(again), this.#openedAt, { begun: saying });
    } else if (last?.role === 'user') {
      this.#answer(last.text, this.#openedAt);
    }
  }

  #answer(heard: string | undefined, since: number): void {
    const { responder, locale } = this.#services;
    const context = this.#context;
    const used = this.#meter.used.bind(this.#meter);
    this.#speak((signal) => responder.reply({ context, heard, locale, used }, signal), since, {
      greeting: heard === undefined,
    });
  }

  #speak(
    parts: (signal: AbortSignal) => ReturnType<Responder['reply']>,
    since: number,
    { greeting = false, begun }: { greeting?: boolean; begun?: Saying } = {},
  ): void {
    if (this.#closed) return;
    const turnId = begun?.turnId ?? randomUUID();
    const before = begun?.sentences.slice(0, -1) ?? [];
    const { metrics, phrases, log } = this.#services;
    this.#meter.begin();
    const traced = new ReplyTrace(this.#services.trace, this.callId, since);
    const reply = new Reply(this.#playout, this.#services.voice, this.#sampleRate, {
      saying: (sentences) => this.#recordSaying({ turnId, sentences: [...before, ...sentences] }),
      started: (from) => {
        const ms = performance.now() - since;
        this.#meter.stage('first_audio', ms);
        if (greeting) metrics.greeting(ms);
        else metrics.firstFrame(ms, from);
      },
      failed: (what) => {
        metrics.failed(what);
        const code = what === 'agent' ? 'RTV_AGENT_FAILED' : 'RTV_SPEECH_FAILED';
        log.warn({ callId: this.callId, code }, 'fallback phrase');
        return phrases.fallback;
      },
      stage: (name, startMs, facts) => {
        traced.stage(name, startMs, facts);
        // How long the words sounded is no latency.
        if (name !== 'reply.audio') this.#meter.stage(name.slice('reply.'.length), Date.now() - startMs);
      },
    });
    const spoken = reply.speak(parts(reply.signal), this.#services.splitter());
    this.#reply = reply;
    reply.done = spoken
      .then((outcome) => {
        traced.end(this.#origin.traceparent, { greeting, interrupted: outcome.interrupted });
        return this.#replied(turnId, outcome, before);
      })
      .finally(() => {
        if (this.#reply === reply) this.#reply = undefined;
      });
  }

  async #replied(turnId: string, outcome: ReplyOutcome, before: readonly string[]): Promise<void> {
    const text = [...before, outcome.text].filter((part) => part !== '').join(' ');
    if (text !== '' || outcome.patch) {
      const measures = this.#meter.take();
      const turn = this.#turn({
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
    if (outcome.hangUp) this.#services.hangUp(this.callId);
    else if (!this.#closed && !outcome.interrupted) this.#silence.start();
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

const literal = (text: string, hangUp = false) =>
  async function* (): AsyncGenerator<ReplyPart> {
    yield { kind: 'text', text };
    if (hangUp) yield { kind: 'hangUp' };
  };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
