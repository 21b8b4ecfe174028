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

/** Ids of words that are remembered: what comes again comes within seconds. */
const MOST_REMEMBERED = 64;
/** On close the last turns have this long to reach the actor, ms. */
const LAST_TURNS_MS = 4_000;
/** A caller who fell silent may just have said something whose words are on their way: an answer is due soon, ms. */
const WORDS_MAY_COME_MS = 1_500;
/** Before it is moved in mid-reply, the sentence that is being said may be said to its end, ms. */
const SENTENCE_MS = 5_000;
const THOUGHT_MS = 3_000;
/** A gap that the caller noticed: the agent says that it is back, ms. */
export const BRIDGE_AFTER_MS = 1_500;
/** It is kept in memory; where it is not, it is not waited for, ms. */
const BRIDGE_SPEECH_MS = 500;

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
  readonly #ear: VoiceEar | undefined;
  /** Inputs are taken one after the other. */
  #inputs: Promise<void> = Promise.resolve();
  #waitingInputs = 0;
  #closed = false;
  /** Ids of final words that were taken. */
  readonly #taken = new Set<string>();
  /** Given to another worker: words that come now are its. */
  #leaving = false;
  /** When the caller's voice ended, until its words come. */
  #voiceEndedAt = Number.NEGATIVE_INFINITY;
  /** Time on the caller's audio, ms: frames so far. */
  #streamMs = 0;
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
    this.#playout = new Playout(services.clock, line, sampleRate);
    this.#attachment = new Attachment(callId, origin, services, { lost: (code) => this.#lost(code) });
    this.#replies = new Replies(callId, this.#attachment, this.#playout, sampleRate, services, {
      // Who still speaks is not talked over.
      began: () => {
        if (this.#ear?.speaking) this.#bargeIn.onset(this.#ear.span);
      },
      callersTurn: () => this.#silence.start(),
    });
    this.#bargeIn = new BargeIn(
      {
        busy: () => this.#replies.busy,
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
    this.#ear = services.voices?.open(sampleRate);
    if (this.#ear) this.#listenTo(this.#ear);
  }

  /** Attaches to the actor and greets, or goes on where another worker stopped. */
  open(): void {
    this.#enqueue(async () => {
      await this.#services.affinity.add(this.callId).catch(() => undefined);
      const taken = await this.#attachment.take(() => !this.#closed);
      if (!taken || this.#closed) return;
      if (taken.gapMs >= BRIDGE_AFTER_MS) await this.#bridge();
      this.#resume(taken.saying);
    });
  }

  /**
   * The caller's words. Final ones are a turn and cut the reply that is being heard; a backchannel does not. Words that
   * come twice, since the answer to whoever sent them was late, are taken once.
   * false: the call is not here any more, and they belong to another worker.
   */
  heard(utterance: Heard): boolean {
    if (this.#closed || this.#leaving || this.#attachment.lost) return false;
    if (utterance.text.trim() === '' || this.#taken.has(utterance.id)) return true;
    this.#silence.stop();
    if (!utterance.final) {
      this.#bargeIn.words(utterance.text);
      return true;
    }
    this.#remember(utterance.id);
    this.#voiceEndedAt = Number.NEGATIVE_INFINITY;
    const finalAt = performance.now();
    const speechEndMs = this.#speechEndMs;
    const aside = this.#playout.playing && this.#bargeIn.isBackchannel(utterance.text);
    if (aside) this.#bargeIn.offset();
    else this.#giveWay();
    this.#enqueue(async () => {
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
    return true;
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
    this.heard({ id: randomUUID(), text: tone, startedAtMs: now, endedAtMs: now, final: true });
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
    this.#ear?.close();
    this.#replies.close();
    this.#playout.close();
    await Promise.race([this.#inputs, pause(LAST_TURNS_MS)]);
    await this.#replies.done;
    await this.#attachment.release(LAST_TURNS_MS, { handOver: false });
    await this.#services.affinity.remove(this.callId).catch(() => undefined);
  }

  /** The agent says nothing and has nothing to say at once: nobody notices when the call moves now. */
  get atPause(): boolean {
    const answerDue = performance.now() - this.#voiceEndedAt < WORDS_MAY_COME_MS;
    return this.#waitingInputs === 0 && !this.#replies.busy && !this.#playout.playing && !answerDue;
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
    this.#leaving = true;
    this.#silence.stop();
    this.#bargeIn.reset();
    await Promise.race([this.#inputs, pause(LAST_TURNS_MS)]);
    await this.#replies.leave(SENTENCE_MS);
    this.#playout.cut();
    await this.#attachment.release(LAST_TURNS_MS, { handOver: true });
  }

  /** Sound of the line, no turn: nothing waits for it but what is said next. */
  async #bridge(): Promise<void> {
    const { voice, texts, speakers, metrics } = this.#services;
    const speaker = speakers.of(this.context);
    metrics.bridged();
    try {
      const spoken = await voice.speak(
        texts.of(speaker.language).bridge,
        this.#sampleRate,
        AbortSignal.timeout(BRIDGE_SPEECH_MS),
        speaker,
      );
      if (!this.#closed) this.#playout.play({ pcm: spoken.pcm });
    } catch {
      // Without it the talk goes on all the same.
    }
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

  #remember(id: string): void {
    this.#taken.add(id);
    const [oldest] = this.#taken;
    if (this.#taken.size > MOST_REMEMBERED && oldest !== undefined) this.#taken.delete(oldest);
  }

  #listenTo(ear: VoiceEar): void {
    ear.onSpeechStart = () => {
      this.#silence.hold();
      this.#bargeIn.onset();
    };
    ear.onVoice = (span) => this.#bargeIn.voice(span);
    ear.onSpeechEnd = (span) => {
      this.#speechEndMs = performance.now() - (span.heardMs - span.atMs);
      this.#voiceEndedAt = performance.now();
      this.#bargeIn.offset(span);
      if (!this.#replies.busy) this.#silence.start();
    };
  }

  #lost(code: string): void {
    this.#services.log.info({ callId: this.callId, code }, 'media session let go');
    this.#playout.cut();
    this.#line.close(4409, code);
  }

  #enqueue(input: () => Promise<void>): void {
    this.#waitingInputs += 1;
    this.#inputs = this.#inputs
      .then(input)
      .catch((thrown: unknown) => {
        this.#services.log.warn({ callId: this.callId, error: String(thrown) }, 'input failed');
      })
      .finally(() => {
        this.#waitingInputs -= 1;
      });
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
