import type { ResultInformation } from '../events/callbacks.js';
import type { Operation } from '../media/link.js';
import { Playout } from '../media/playout.js';
import { sleep } from '../time.js';
import type { Call } from './call.js';
import { type PlaySource, PromptError, promptAudio } from './prompts.js';
import { collectTones, type RecognizeOptions, TONE_NAMES, type ToneCollector } from './recognition.js';

const CANCELED: ResultInformation = {
  code: 400,
  subCode: 8508,
  message: 'Action failed, the operation was cancelled.',
};
const TOO_LATE: ResultInformation = {
  code: 400,
  subCode: 8510,
  message: 'Action failed, initial silence timeout reached.',
};
const INTER_TONE: ResultInformation = {
  code: 400,
  subCode: 8532,
  message: 'Action failed, inter-digit silence timeout reached.',
};
const MAX_QUEUE = 100;

/** A play request. */
export interface PlayAction {
  readonly sources: readonly PlaySource[];
  readonly loop: boolean;
  readonly interrupt: boolean;
  readonly operation: Operation;
}

/** A recognize request. */
export interface RecognizeAction {
  readonly prompts: readonly PlaySource[];
  readonly options: RecognizeOptions;
  readonly interrupt: boolean;
  readonly operation: Operation;
}

type Action = {
  readonly kind: 'Play' | 'Recognize';
  readonly operation: Operation;
  readonly abort: AbortController;
};

/** The play and recognize actions of a call: one at a time, in order, each with an event at its end. */
export class MediaActions {
  readonly #call: Call;
  readonly #queue: Array<{ action: Action; run: () => Promise<void> }> = [];
  #current: Action | undefined;
  #tones: ToneCollector | undefined;
  #closed = false;

  constructor(call: Call) {
    this.#call = call;
  }

  /** Whether an action is running that another one may not join. */
  get recognizing(): boolean {
    return this.#current?.kind === 'Recognize';
  }

  play(action: PlayAction): void {
    if (action.interrupt) this.cancelAll();
    this.#add('Play', action.operation, (abort) => this.#play(action, abort));
  }

  recognize(action: RecognizeAction): void {
    if (action.interrupt) this.cancelAll();
    this.#add('Recognize', action.operation, (abort) => this.#recognize(action, abort));
  }

  /** Cancels what runs and what waits; each of them ends with a Canceled event. */
  cancelAll(): void {
    const waiting = this.#queue.splice(0);
    this.#current?.abort.abort();
    for (const { action } of waiting)
      this.#call.emit(`${action.kind}Canceled`, {}, action.operation, CANCELED);
  }

  /** The call is over: nothing more is heard of any action. */
  close(): void {
    this.#closed = true;
    this.#queue.length = 0;
    this.#current?.abort.abort();
  }

  /** The caller pressed a key. */
  key(tone: string): void {
    const name = TONE_NAMES[tone.toLowerCase()];
    if (name === undefined) return;
    this.#tones?.tone(name);
    const listening = this.#call.continuousDtmf.get(this.#call.caller.rawId);
    if (listening) {
      const sequenceId = this.#call.nextToneSequence();
      this.#call.emit('ContinuousDtmfRecognitionToneReceived', { tone: name, sequenceId }, listening);
    }
  }

  /** The caller said something. */
  heard(text: string): void {
    this.#tones?.speech(text);
  }

  #add(kind: Action['kind'], operation: Operation, run: (abort: AbortController) => Promise<void>): void {
    if (this.#queue.length >= MAX_QUEUE) this.#queue.shift();
    const action = { kind, operation, abort: new AbortController() };
    this.#queue.push({ action, run: () => run(action.abort) });
    if (!this.#current) this.#call.world.tasks.start('media actions', () => this.#work());
  }

  async #work(): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#current = next.action;
      try {
        await next.run();
      } finally {
        this.#current = undefined;
      }
      if (this.#closed) return;
    }
  }

  async #play(action: PlayAction, abort: AbortController): Promise<void> {
    const outcome = await this.#playAll(action.sources, action.loop, abort.signal, () =>
      this.#call.emit('PlayStarted', {}, action.operation),
    );
    if (this.#closed) return;
    if (abort.signal.aborted) this.#call.emit('PlayCanceled', {}, action.operation, CANCELED);
    else if (outcome === undefined) this.#call.emit('PlayCompleted', {}, action.operation);
    else {
      this.#call.emit(
        'PlayFailed',
        { failedPlaySourceIndex: outcome.index },
        action.operation,
        outcome.result,
      );
    }
  }

  async #recognize(action: RecognizeAction, abort: AbortController): Promise<void> {
    const call = this.#call;
    const collector = collectTones(action.options);
    this.#tones = collector;
    const prompt = new AbortController();
    const stop = AbortSignal.any([abort.signal, prompt.signal]);
    if (action.options.interruptPrompt ?? true) collector.onFirst(() => prompt.abort());
    const failure = await this.#playAll(action.prompts, false, stop);
    if (failure !== undefined && !stop.aborted) {
      this.#tones = undefined;
      call.emit(
        'RecognizeFailed',
        { failedPlaySourceIndex: failure.index },
        action.operation,
        failure.result,
      );
      return;
    }
    const outcome = await collector.result(AbortSignal.any([abort.signal, call.over.signal]));
    this.#tones = undefined;
    if (this.#closed) return;
    if (outcome.kind === 'recognized') {
      call.emit('RecognizeCompleted', outcome.data, action.operation, outcome.result);
    } else if (outcome.kind === 'cancelled') call.emit('RecognizeCanceled', {}, action.operation, CANCELED);
    else {
      const result = outcome.kind === 'silence' ? TOO_LATE : INTER_TONE;
      call.emit('RecognizeFailed', {}, action.operation, result);
    }
  }

  /** Plays sources one after the other; returns the failure of one of them. */
  async #playAll(
    sources: readonly PlaySource[],
    loop: boolean,
    signal: AbortSignal,
    started?: () => void,
  ): Promise<{ index: number; result: ResultInformation } | undefined> {
    const rate = this.#call.media?.rate ?? 16000;
    let first = true;
    do {
      for (const [index, source] of sources.entries()) {
        let pcm: Buffer;
        try {
          pcm = await promptAudio(source, rate, this.#call.world, signal);
        } catch (error) {
          if (signal.aborted) return undefined;
          const result = error instanceof PromptError ? error.result : new PromptError('failed').result;
          return { index, result };
        }
        if (signal.aborted || this.#closed) return undefined;
        if (first) started?.();
        first = false;
        const playout = new Playout((rate / 50) * 2);
        playout.push(pcm);
        const { phone } = this.#call;
        if (phone) phone.prompts = playout;
        const played = await sleep((pcm.length / 2 / rate) * 1000 + 80, signal);
        if (phone?.prompts === playout) phone.prompts = undefined;
        if (!played) return undefined;
      }
    } while (loop && !signal.aborted && !this.#closed);
    return undefined;
  }
}
