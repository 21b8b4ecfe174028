import { Caller, framesOf } from '../caller/caller.js';
import { Ear, type Segment } from '../caller/ear.js';
import type { Utterance } from '../caller/speech.js';
import { draw } from '../latency.js';
import type { MediaRate } from '../media/messages.js';
import { mix } from '../media/mix.js';
import { isVoice, type Playout } from '../media/playout.js';
import { Recorder } from '../media/recorder.js';
import type { Transcribed } from '../media/transcription-stream.js';
import { now } from '../time.js';
import type { Call } from './call.js';
import type { Turn } from './report.js';

const FRAME_MS = 20;
const INTERIM_EVERY_FRAMES = 15;

/** What the caller's phone tells the call. */
export interface PhoneHooks {
  /** The caller hung up: the script is done, or a fault said so. */
  hungUp(reason: 'script' | 'fault' | 'limit'): void;
  key(tone: string): void;
  /** A final transcript was due, whether or not a socket was there to take it. */
  heard(text: string): void;
}

/**
 * The caller's phone: plays what the application sends, speaks what the script says, hears when the agent begins and
 * ends. All of it happens in frames of 20 ms since the call was connected; the frame number is the timeline.
 */
export class Phone {
  /** Prompts of the play action, mixed into what the caller hears. */
  prompts: Playout | undefined;
  readonly #call: Call;
  readonly #hooks: PhoneHooks;
  readonly #ear: Ear;
  readonly #caller: Caller;
  readonly #unsubscribe: () => void;
  #frame = 0;
  #speaking: { turn: Turn; said: Transcribed | undefined; text: string } | undefined;
  #pendingFinals: Array<{ dueFrame: number; said: Transcribed | undefined; turn: Turn; text: string }> = [];
  readonly #turnOfLine = new Map<number, Turn>();
  #bargedIn: Turn | undefined;
  #stopped = false;

  constructor(
    call: Call,
    rate: MediaRate,
    utterances: ReadonlyArray<Utterance | undefined>,
    hooks: PhoneHooks,
  ) {
    const { setup } = call;
    this.#call = call;
    this.#hooks = hooks;
    this.#ear = new Ear(framesOf(setup.agentSilenceMs));
    if (setup.record) call.recorder = new Recorder((rate / 50) * 2);
    this.#caller = new Caller({
      script: setup.script,
      utterances,
      ear: this.#ear,
      patienceFrames: framesOf(setup.patienceMs),
      hooks: {
        speechStarted: (line, utterance, frame) => this.#speechStarted(line, utterance, frame),
        speechEnded: (_line, frame) => this.#speechEnded(frame),
        replyHeard: (line, frame) => this.#replyHeard(line, frame),
        noReply: (line) => this.#noReply(line),
        key: (tone) => hooks.key(tone),
        hangUp: () => hooks.hungUp('script'),
      },
    });
    this.#unsubscribe = call.world.clock.subscribe(() => this.#tick());
  }

  /** Whether the caller got through the script. */
  get scriptDone(): boolean {
    return this.#caller.finished;
  }

  /** The call is over. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#unsubscribe();
    if (this.#speaking) this.#speaking.turn.endedMs = this.#frame * FRAME_MS;
    this.#agentTurn(this.#ear.finish());
  }

  #tick(): void {
    if (this.#stopped) return;
    const frame = this.#frame;
    this.#frame += 1;
    this.#faults(frame);
    if (this.#stopped) return;
    const self = this.#call.participants.get(this.#call.caller.rawId);
    const heard = this.#hear(self?.isOnHold ?? false);
    const voice = heard !== undefined && isVoice(heard);
    this.#agentTurn(this.#ear.hear(frame, voice));
    if (this.#bargedIn && this.#ear.silentFor(frame) * FRAME_MS >= 100) this.#noticeSilence(frame);
    const speech = this.#caller.tick(frame);
    if (this.#stopped) return;
    const silenced = self?.isMuted === true || self?.isOnHold === true;
    this.#call.media?.send(silenced ? undefined : speech);
    this.#call.recorder?.add(frame, heard, speech?.pcm);
    this.#transcribe(frame);
  }

  /** One frame of the agent's audio, with a prompt laid over it. */
  #hear(onHold: boolean): Buffer | undefined {
    const agent = this.#call.media?.hear();
    const prompt = this.prompts?.next();
    return onHold ? undefined : mix(agent, prompt);
  }

  #faults(frame: number): void {
    const ms = frame * FRAME_MS;
    const due = (at: number | undefined): boolean => at !== undefined && Math.ceil(at / FRAME_MS) === frame;
    const { faults } = this.#call.plan;
    if (faults.socketCutAtMs.some(due)) this.#call.media?.cut();
    if (faults.transcriptionCutAtMs.some(due)) this.#call.transcription?.cut();
    if (due(faults.halfOpenAtMs)) this.#call.media?.freeze();
    if (due(faults.slowReaderAtMs)) this.#call.media?.readSlowly();
    if (due(faults.hangUpAtMs)) this.#hooks.hungUp('fault');
    else if (ms >= this.#call.setup.maxMs) this.#hooks.hungUp('limit');
  }

  #speechStarted(line: number, utterance: Utterance, frame: number): void {
    const startedMs = frame * FRAME_MS;
    const turn: Turn = { role: 'user', text: utterance.text, startedMs, endedMs: startedMs };
    if (this.#ear.silentFor(frame) * FRAME_MS < 300) {
      turn.bargeIn = true;
      this.#bargedIn = turn;
    }
    const durationMs = utterance.frames.length * FRAME_MS;
    const said = this.#call.transcription?.begin(utterance.text, startedMs, durationMs);
    this.#speaking = { turn, said, text: utterance.text };
    this.#turnOfLine.set(line, turn);
    this.#call.report.turns.push(turn);
  }

  #speechEnded(frame: number): void {
    const speaking = this.#speaking;
    if (!speaking) return;
    this.#speaking = undefined;
    speaking.turn.endedMs = frame * FRAME_MS;
    this.#call.progress('turn', { turn: { ...speaking.turn } });
    const latency = draw(
      this.#call.setup.latencies.final,
      this.#call.chance,
      'final',
      speaking.turn.startedMs,
    );
    this.#pendingFinals.push({ dueFrame: frame + framesOf(latency), ...speaking });
  }

  #transcribe(frame: number): void {
    if (this.#speaking?.said && frame % INTERIM_EVERY_FRAMES === 0) {
      this.#call.transcription?.interim(this.#speaking.said, frame * FRAME_MS);
    }
    if (this.#pendingFinals.length === 0) return;
    const due = this.#pendingFinals.filter((final) => final.dueFrame <= frame);
    if (due.length === 0) return;
    this.#pendingFinals = this.#pendingFinals.filter((final) => final.dueFrame > frame);
    for (const { said, turn, text } of due) {
      const sent = said !== undefined && this.#call.transcription?.final(said) === true;
      // An agent that speaks already gives nothing to measure.
      const speaking = turn.responseMs !== undefined || this.#bargedIn === turn;
      if (sent && !speaking) {
        this.#call.report.awaitingAudio = { turn, finalAt: now() };
      }
      this.#hooks.heard(text);
    }
  }

  #replyHeard(line: number, frame: number): void {
    const turn = this.#turnOfLine.get(line);
    if (!turn) return;
    turn.responseMs = frame * FRAME_MS - turn.endedMs;
    this.#call.progress('reply', {
      responseMs: turn.responseMs,
      ...(turn.finalToFirstFrameMs === undefined ? {} : { finalToFirstFrameMs: turn.finalToFirstFrameMs }),
    });
  }

  #noReply(line: number): void {
    this.#call.report.noReplies += 1;
    const turn = this.#turnOfLine.get(line);
    if (turn) turn.noReply = true;
    this.#call.progress('noReply');
  }

  #noticeSilence(frame: number): void {
    const turn = this.#bargedIn;
    this.#bargedIn = undefined;
    if (turn)
      turn.silencedAfterMs = Math.max(0, (frame - this.#ear.silentFor(frame)) * FRAME_MS - turn.startedMs);
  }

  #agentTurn(segment: Segment | undefined): void {
    if (!segment) return;
    const turn: Turn = {
      role: 'agent',
      text: '',
      startedMs: segment.start * FRAME_MS,
      endedMs: segment.end * FRAME_MS,
    };
    this.#call.report.turns.push(turn);
    this.#call.progress('turn', { turn });
  }
}
