/**
 * One call at its media worker: what the caller says becomes turns, what the agent answers becomes sound. Audio stays
 * here; the actor hears of turns. One input at a time; a caller who speaks while the agent does cuts the reply.
 */
import type { CallOrigin, Saying } from '../actors/call-messages.js';
import { FRAME_MS, type SampleRate } from '../audio/pcm.js';
import type { ConversationContext } from '../memory/context.js';
import { Attachment } from './attachment.js';
import { BargeIn } from './barge-in.js';
import { BRIDGE_AFTER_MS, bridgeSpeech } from './bridge.js';
import { CallerWords } from './caller-words.js';
import { Ears, type HeardFrame } from './ears.js';
import { InputQueue } from './input-queue.js';
import { Playout } from './playout.js';
import type { MediaLine, MediaPosition } from './ports.js';
import { Replies } from './replies.js';
import type { Heard, SessionServices } from './session-services.js';
import { Silence } from './silence.js';

/** Before a call goes elsewhere, its turns have this long to reach the actor, ms. */
const LAST_TURNS_MS = 4_000;
/** The same after its end, when nobody waits for it: longer than an actor takes to come back whose host died, ms. */
const PARTING_MS = 12_000;
/** A caller who fell silent may just have said something whose words are on their way: an answer is due soon, ms. */
const WORDS_MAY_COME_MS = 1_500;
/** Before it is moved in mid-reply, the sentence that is being said may be said to its end, ms. */
const SENTENCE_MS = 5_000;
const THOUGHT_MS = 3_000;

export class MediaSession {
  readonly callId: string;
  readonly #line: MediaLine;
  readonly #services: SessionServices;
  readonly #playout: Playout;
  readonly #sampleRate: SampleRate;
  readonly #attachment: Attachment;
  readonly #replies: Replies;
  readonly #bargeIn: BargeIn;
  readonly #silence: Silence;
  readonly #ears: Ears;
  readonly #words: CallerWords;
  readonly #inputs: InputQueue;
  #closed = false;
  /** Given to another worker: words that come now are its. */
  #leaving = false;
  /** When the caller's voice ended, until its words come. */
  #voiceEndedAt = Number.NEGATIVE_INFINITY;
  #onHold = false;
  readonly #openedAt = performance.now();
  /** When the caller's voice last fell silent, ms of the monotonic clock. */
  #speechEndMs: number | undefined;

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
    this.#sampleRate = sampleRate;
    this.#inputs = new InputQueue((thrown) =>
      services.log.warn({ callId, error: String(thrown) }, 'input failed'),
    );
    this.#playout = new Playout(services.clock, line, sampleRate);
    this.#attachment = new Attachment(callId, origin, services, { lost: (code) => this.#lost(code) });
    this.#replies = new Replies(callId, this.#attachment, this.#playout, sampleRate, services, {
      // Who still speaks is not talked over.
      began: () => {
        if (this.#ears.speaking) this.#bargeIn.onset(this.#ears.span);
      },
      callersTurn: () => this.#silence.start(),
    });
    this.#bargeIn = new BargeIn(
      {
        busy: () => this.#replies.busy && !this.#onHold,
        pause: () => {
          if (this.#playout.playing) services.metrics.paused();
          this.#playout.pause();
        },
        resume: () => this.#playout.resume(),
        cancel: () => {
          this.interrupt();
          this.#silence.start();
        },
        now: () => performance.now(),
      },
      services.bargeIn,
    );
    this.#silence = new Silence(services.silence, {
      reprompt: () => this.#replies.phrase('reprompt'),
      goodbye: () => this.#replies.phrase('goodbye', { hangUp: true }),
    });
    this.#words = new CallerWords(services.words ?? {}, {
      said: (heard) => this.#said(heard),
      saying: (text) => this.#bargeIn.words(text),
      pressing: () => {
        this.#silence.stop();
        this.#giveWay();
      },
    });
    this.#ears = new Ears(() => services.voices?.open(sampleRate), {
      voiceStarted: () => {
        this.#silence.hold();
        this.#words.voice(true);
        this.#bargeIn.onset();
      },
      voice: (span) => this.#bargeIn.voice(span),
      voiceEnded: (event) => {
        this.#speechEndMs = performance.now() - (event.heardMs - event.atMs);
        this.#voiceEndedAt = performance.now();
        this.#words.voice(false);
        this.#bargeIn.offset(event);
        if (!this.#replies.busy) this.#silence.start();
      },
      missing: (frames) => services.metrics.framesMissing(frames),
    });
  }

  /** Attaches to the actor and greets, or goes on where another worker stopped. */
  open(): void {
    this.#inputs.add(async () => {
      await this.#services.affinity.add(this.callId).catch(() => undefined);
      const taken = await this.#attachment.take(() => !this.#closed);
      if (!taken || this.#closed) return;
      if (taken.held) this.hold(true);
      if (taken.gapMs >= BRIDGE_AFTER_MS) await this.#bridge();
      this.#resume(taken.saying);
    });
  }

  /**
   * The caller's words. Final ones are a turn and cut the reply that is being heard; a backchannel does not.
   * false: the call is not here any more, and they belong to another worker.
   */
  heard(utterance: Heard): boolean {
    if (this.#elsewhere) return false;
    if (utterance.text.trim() !== '') this.#silence.stop();
    this.#words.heard(utterance);
    return true;
  }

  /** A frame of the caller's audio; its buffer is valid during the call alone. */
  audio(frame: HeardFrame): void {
    this.#services.metrics.frameIn();
    this.#ears.push(frame);
  }

  /** A DTMF tone. */
  tone(tone: string): void {
    if (!this.#elsewhere) this.#words.tone(tone);
  }

  /** While the call is on hold nothing is played to it, nobody is asked why he is silent; then it goes on. */
  hold(on: boolean): void {
    if (this.#closed || on === this.#onHold) return;
    this.#onHold = on;
    this.#silence.onHold(on);
    if (on) this.#playout.pause('hold');
    // What a voice had begun to interrupt is over either way.
    this.#bargeIn.reset();
    this.#playout.resume('voice');
    if (on) return;
    this.#playout.resume('hold');
    if (!this.#replies.busy) this.#silence.start();
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
    this.#bargeIn.reset();
    this.#silence.stop();
    this.#words.close();
    this.#ears.close();
    this.#replies.close();
    this.#playout.close();
    await Promise.race([this.#inputs.taken, pause(LAST_TURNS_MS)]);
    await this.#replies.done;
    await this.#attachment.release(PARTING_MS, { handOver: false });
    await this.#services.affinity.remove(this.callId).catch(() => undefined);
  }

  /** The agent says nothing and has nothing to say at once: nobody notices when the call moves now. */
  get atPause(): boolean {
    const answerDue = performance.now() - this.#voiceEndedAt < WORDS_MAY_COME_MS;
    return this.#inputs.waiting === 0 && !this.#replies.busy && !this.#playout.playing && !answerDue;
  }

  /** Waits for a pause in the talk, `patienceMs` at most; in the middle of a long reply the pause between sentences does. */
  async pauseInTalk(patienceMs: number): Promise<void> {
    const until = performance.now() + patienceMs;
    // What the agent is still thinking of could not be said elsewhere.
    const patient = (): boolean => performance.now() < until + (this.#replies.thinking ? THOUGHT_MS : 0);
    while (!this.#closed && !this.atPause && patient()) await pause(FRAME_MS);
  }

  /**
   * Gives the call to another worker: from here on this one takes no words, and is silent after the sentence that is
   * being said. ACS opens a socket elsewhere and closes this one.
   */
  async handOver(): Promise<void> {
    if (this.#closed || !this.position) return;
    this.#words.flush();
    this.#words.close();
    this.#leaving = true;
    this.#silence.stop();
    this.#bargeIn.reset();
    await Promise.race([this.#inputs.taken, pause(LAST_TURNS_MS)]);
    await this.#replies.leave(SENTENCE_MS);
    this.#playout.cut();
    await this.#attachment.release(LAST_TURNS_MS, { handOver: true });
  }

  async #bridge(): Promise<void> {
    const pcm = await bridgeSpeech(this.#services, this.context, this.#sampleRate);
    if (pcm && !this.#closed) this.#playout.play({ pcm });
  }

  /** Given away, lost, or over: what is heard now is another worker's. */
  get #elsewhere(): boolean {
    return this.#closed || this.#leaving || this.#attachment.lost;
  }

  /** The caller's turn. */
  #said(utterance: Heard): void {
    // A pause that ends an utterance may end after the call has gone.
    if (this.#closed || this.#attachment.lost) return;
    this.#silence.stop();
    this.#voiceEndedAt = Number.NEGATIVE_INFINITY;
    const finalAt = performance.now();
    const speechEndMs = this.#speechEndMs;
    const aside = this.#playout.playing && this.#bargeIn.isBackchannel(utterance.text);
    if (aside) this.#bargeIn.offset();
    else this.#giveWay();
    this.#inputs.add(async () => {
      if (!aside) {
        this.#giveWay();
        await this.#replies.done;
      }
      const recorded = this.#attachment.turn({
        turnId: utterance.id,
        role: 'user',
        text: utterance.text,
        agent: this.context.activeAgent,
        startedAtMs: utterance.startedAtMs,
        endedAtMs: utterance.endedAtMs,
      });
      // The agent thinks meanwhile; it is heard once the words that it answers are on record.
      if (!aside) this.#replies.answer(utterance.text, { finalMs: finalAt, speechEndMs, recorded });
      if (!(await recorded)) this.#services.log.warn({ callId: this.callId }, 'turn is not durable yet');
    });
  }

  /** The caller has said something: the reply that is being heard ends, unless it is to be heard out. */
  #giveWay(): void {
    if (!this.#bargeIn.enabled) return;
    this.#bargeIn.reset();
    this.interrupt();
    // What comes next is an answer to these words: nothing holds it back.
    this.#playout.resume();
  }

  #resume(saying: Saying | undefined): void {
    const last = this.context.window.at(-1);
    if (saying) this.#replies.goOn(saying, this.#openedAt);
    else if (!last) this.#replies.greet(this.#openedAt);
    else if (last.role === 'user') this.#replies.answer(last.text, { finalMs: this.#openedAt });
  }

  #lost(code: string): void {
    this.#services.log.info({ callId: this.callId, code }, 'media session let go');
    this.#playout.cut();
    this.#line.close(4409, code);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
