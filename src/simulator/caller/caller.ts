import type { Ear } from './ear.js';
import type { Script, ScriptLine } from './script.js';
import type { SpeechFrame, Utterance } from './speech.js';

const DTMF_EVERY_FRAMES = 10;
/** An agent that never stops speaking is not waited for longer than this. */
const MAX_LISTEN_FRAMES = 50 * 120;

/** What the caller's doings lead to. Frames of 20 ms count from the connection of the call. */
export interface CallerHooks {
  speechStarted(line: number, utterance: Utterance, frame: number): void;
  speechEnded(line: number, frame: number): void;
  /** The agent's reply to what was said last was heard for the first time. */
  replyHeard(line: number, frame: number): void;
  /** The agent did not speak in time. */
  noReply(line: number): void;
  key(tone: string): void;
  hangUp(): void;
}

export interface CallerOptions {
  readonly script: Script;
  /** Utterances by line; undefined for lines without words. */
  readonly utterances: ReadonlyArray<Utterance | undefined>;
  readonly ear: Ear;
  /** How long the caller waits for the agent to begin, frames. */
  readonly patienceFrames: number;
  readonly hooks: CallerHooks;
}

type Phase = 'listening' | 'pausing' | 'speaking' | 'keying' | 'closing' | 'gone';

/** The caller: works through a script, frame by frame, and knows nothing of sockets or time. */
export class Caller {
  readonly #options: CallerOptions;
  #phase: Phase = 'listening';
  #line = 0;
  #since = 0;
  #position = 0;
  #lastSpoken = -1;
  #replyReported = true;
  #expectsReply = false;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /** Whether all lines of the script were done. */
  get finished(): boolean {
    return this.#line >= this.#options.script.lines.length;
  }

  /** Lives through one frame after the ear has heard it; returns what the caller says in it. */
  tick(frame: number): SpeechFrame | undefined {
    this.#noticeReply();
    const line = this.#options.script.lines[this.#line];
    switch (this.#phase) {
      case 'listening':
        if (line === undefined) this.#enter('closing', frame);
        else if (this.#heardOut(line, frame)) this.#enter('pausing', frame);
        else return undefined;
        return this.tick(frame);
      case 'pausing':
        if (line === undefined || frame - this.#since < framesOf(line.waitMs ?? 0)) return undefined;
        return this.#act(frame);
      case 'speaking':
        return this.#speak(frame);
      case 'keying':
        this.#press(line, frame);
        return undefined;
      case 'closing':
        if (!this.#expectsReply || this.#waited(frame)) this.#leave();
        return undefined;
      case 'gone':
        return undefined;
    }
  }

  #heardOut(line: ScriptLine, frame: number): boolean {
    const { ear } = this.#options;
    if (line.bargeInAfterMs !== undefined) {
      if (ear.onset !== undefined) return frame - ear.onset >= framesOf(line.bargeInAfterMs);
      return this.#outOfPatience(frame);
    }
    const silent = line.say === undefined && line.wav === undefined && line.dtmf === undefined;
    const onlyWaits = silent && line.waitMs !== undefined;
    return line.listen === false || onlyWaits || this.#waited(frame);
  }

  /** The agent has spoken and ended, or is not waited for any longer. */
  #waited(frame: number): boolean {
    const { ear } = this.#options;
    if (ear.ended(frame)) return true;
    if (ear.onset !== undefined) return frame - this.#since >= MAX_LISTEN_FRAMES;
    return this.#outOfPatience(frame);
  }

  #outOfPatience(frame: number): boolean {
    if (frame - this.#since < this.#options.patienceFrames) return false;
    this.#options.hooks.noReply(this.#lastSpoken);
    return true;
  }

  #act(frame: number): SpeechFrame | undefined {
    const utterance = this.#options.utterances[this.#line];
    this.#position = 0;
    if (utterance === undefined) {
      this.#enter('keying', frame);
      return undefined;
    }
    this.#enter('speaking', frame);
    this.#options.hooks.speechStarted(this.#line, utterance, frame);
    return this.#speak(frame);
  }

  #speak(frame: number): SpeechFrame | undefined {
    const spoken = this.#options.utterances[this.#line]?.frames[this.#position];
    this.#position += 1;
    if (spoken !== undefined) return spoken;
    this.#lastSpoken = this.#line;
    this.#replyReported = false;
    this.#expectsReply = true;
    this.#options.ear.mark();
    this.#options.hooks.speechEnded(this.#line, frame);
    this.#position = 0;
    this.#enter('keying', frame);
    return undefined;
  }

  #press(line: ScriptLine | undefined, frame: number): void {
    const keys = line?.dtmf ?? '';
    if (this.#position < keys.length) {
      if ((frame - this.#since) % DTMF_EVERY_FRAMES !== 0) return;
      this.#options.hooks.key(keys.charAt(this.#position));
      this.#position += 1;
      if (this.#position === keys.length && this.#options.utterances[this.#line] === undefined) {
        this.#expectsReply = true;
        this.#options.ear.mark();
      }
      return;
    }
    this.#line += 1;
    if (line?.hangUp) this.#leave();
    else this.#enter('listening', frame);
  }

  #noticeReply(): void {
    if (this.#replyReported) return;
    const { onset } = this.#options.ear;
    if (onset === undefined) return;
    this.#replyReported = true;
    this.#options.hooks.replyHeard(this.#lastSpoken, onset);
  }

  #leave(): void {
    this.#phase = 'gone';
    this.#options.hooks.hangUp();
  }

  #enter(phase: Phase, frame: number): void {
    this.#phase = phase;
    this.#since = frame;
  }
}

/** Frames of 20 ms in a time. */
export function framesOf(ms: number): number {
  return Math.round(ms / 20);
}
