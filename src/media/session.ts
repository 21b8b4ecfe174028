/**
 * One call at its media worker: what the caller says becomes turns, what the agent answers becomes sound. Audio stays
 * here; the actor hears of turns. One input at a time; a caller who speaks while the agent does cuts the reply.
 */
import { randomUUID } from 'node:crypto';
import type { CallOrigin, Saying } from '../actors/call-messages.js';
import { FRAME_MS, type SampleRate } from '../audio/pcm.js';
import type { ConversationContext } from '../memory/context.js';
import { Attachment } from './attachment.js';
import { BargeIn } from './barge-in.js';
import { Playout } from './playout.js';
import type { MediaLine, MediaPosition } from './ports.js';
import { Replies } from './replies.js';
import type { Heard, SessionServices, VoiceEar } from './session-services.js';
import { Silence } from './silence.js';

/** On close the last turns have this long to reach the actor, ms. */
const LAST_TURNS_MS = 4_000;

export class MediaSession {
  readonly callId: string;
  readonly #line: MediaLine;
  readonly #services: SessionServices;
  readonly #playout: Playout;
  readonly #attachment: Attachment;
  readonly #replies: Replies;
  readonly #bargeIn: BargeIn;
  readonly #silence: Silence;
  readonly #ear: VoiceEar | undefined;
  /** Inputs are taken one after the other. */
  #inputs: Promise<void> = Promise.resolve();
  #closed = false;
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
    this.#line = line;
    this.#services = services;
    this.#playout = new Playout(services.clock, line, sampleRate);
    this.#attachment = new Attachment(callId, origin, services, { lost: (code) => this.#lost(code) });
    this.#replies = new Replies(callId, this.#attachment, this.#playout, sampleRate, services, () =>
      this.#silence.start(),
    );
    this.#bargeIn = new BargeIn({
      playing: () => this.#replies.busy && this.#playout.playing,
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
      reprompt: () => this.#replies.phrase(services.phrases.reprompt),
      goodbye: () => this.#replies.phrase(services.phrases.goodbye, { hangUp: true }),
    });
    this.#ear = services.voices?.open(sampleRate);
    if (this.#ear) this.#listenTo(this.#ear);
  }

  /** Attaches to the actor and greets, or goes on where another worker stopped. */
  open(): void {
    this.#enqueue(async () => {
      await this.#services.affinity.add(this.callId).catch(() => undefined);
      const taken = await this.#attachment.take(() => !this.#closed);
      if (taken && !this.#closed) this.#resume(taken.saying);
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
        await this.#replies.done;
      }
      const durable = await this.#attachment.turn({
        turnId: randomUUID(),
        role: 'user',
        text: utterance.text,
        agent: this.context.activeAgent,
        startedAtMs: utterance.startedAtMs,
        endedAtMs: utterance.endedAtMs,
      });
      if (!durable) this.#services.log.warn({ callId: this.callId }, 'turn is not durable yet');
      if (!aside) this.#replies.answer(utterance.text, finalAt);
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
    this.#replies.interrupt();
  }

  /** Others have the call by now: silence, and the socket closes. */
  abandon(): void {
    this.#attachment.abandon();
  }

  get speaking(): boolean {
    return this.#playout.playing;
  }

  get context(): ConversationContext {
    return this.#attachment.context;
  }

  get position(): MediaPosition | undefined {
    return this.#attachment.position;
  }

  /** The socket is gone: hand in what was said, let go of the call. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#bargeIn.close();
    this.#silence.stop();
    this.#ear?.close();
    this.#replies.close();
    this.#playout.close();
    await Promise.race([this.#inputs, pause(LAST_TURNS_MS)]);
    await this.#replies.done;
    await this.#attachment.release(LAST_TURNS_MS, { handOver: false });
    await this.#services.affinity.remove(this.callId).catch(() => undefined);
  }

  /**
   * Gives the call to another worker, between two utterances when there is a pause within `patienceMs`. From here on
   * this worker is silent; ACS opens a socket elsewhere and closes this one.
   */
  async handOver(patienceMs: number): Promise<void> {
    const until = performance.now() + patienceMs;
    const talking = (): boolean => this.#replies.busy || this.#playout.playing;
    while (!this.#closed && talking() && performance.now() < until) await pause(FRAME_MS);
    if (this.#closed || !this.position) return;
    this.#silence.stop();
    this.#bargeIn.close();
    this.#playout.cut();
    await this.#attachment.release(LAST_TURNS_MS, { handOver: true });
  }

  #resume(saying: Saying | undefined): void {
    const last = this.context.window.at(-1);
    if (saying) this.#replies.goOn(saying, this.#openedAt);
    else if (!last) this.#replies.answer(undefined, this.#openedAt);
    else if (last.role === 'user') this.#replies.answer(last.text, this.#openedAt);
  }

  #listenTo(ear: VoiceEar): void {
    ear.onSpeechStart = ({ atMs, heardMs }) => {
      this.#silence.hold();
      this.#bargeIn.onset(heardMs - atMs);
    };
    ear.onSpeechEnd = () => {
      this.#bargeIn.offset();
      if (!this.#replies.busy) this.#silence.start();
    };
  }

  #lost(code: string): void {
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

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
