import { randomUUID } from 'node:crypto';
import { wordsUntil, wordTimes } from '../caller/transcript.js';
import type { Call } from '../core/call.js';
import { type LinkState, type Operation, SocketLink } from './link.js';
import { TICKS_PER_MS, type TranscribedWord, transcriptionData, transcriptionMetadata } from './messages.js';
import type { TranscriptionOptions } from './options.js';

/** Something that is being said: its words on the stream's timeline. */
export interface Transcribed {
  readonly text: string;
  readonly words: readonly TranscribedWord[];
  readonly startMs: number;
  readonly durationMs: number;
  /** Words that the last interim transcript held. */
  shown: number;
}

/** A call's transcripts, as ACS's own speech recognition would send them. */
export class TranscriptionStream {
  readonly id = randomUUID();
  readonly options: TranscriptionOptions;
  readonly #call: Call;
  readonly #link: SocketLink;
  #locale: string;

  constructor(call: Call, options: TranscriptionOptions) {
    this.#call = call;
    this.options = options;
    this.#locale = options.locale;
    this.#link = new SocketLink(call, {
      name: 'Transcription',
      url: options.transportUrl,
      onOpen: (socket) => {
        socket.send(
          transcriptionMetadata({
            subscriptionId: this.id,
            locale: this.#locale,
            callConnectionId: call.id,
            correlationId: call.correlationId,
          }),
        );
        call.progress('transcription');
      },
      onMessage: () => undefined,
      onLost: () => {
        call.report.transcriptionLost += 1;
        call.progress('transcriptionLost');
      },
      onFailed: () => call.progress('transcriptionFailed'),
    });
  }

  get state(): LinkState {
    return this.#link.state;
  }

  get locale(): string {
    return this.#locale;
  }

  start(operation: Operation, locale?: string): void {
    this.#locale = locale ?? this.#locale;
    this.#link.start(operation);
  }

  stop(operation: Operation): void {
    this.#link.stop(operation);
  }

  update(operation: Operation, locale: string | undefined): void {
    this.#locale = locale ?? this.#locale;
    this.#link.updated(operation, 'transcriptionLocaleUpdated');
  }

  close(): void {
    this.#link.close();
  }

  cut(): void {
    this.#link.cut();
  }

  /** The words of an utterance that begins at `startMs` of the call. */
  begin(text: string, startMs: number, durationMs: number): Transcribed {
    return { text, words: wordTimes(text, startMs, durationMs), startMs, durationMs, shown: 0 };
  }

  /** Sends an interim transcript when a word was completed since the last one. */
  interim(said: Transcribed, atMs: number): void {
    if (!this.options.enableIntermediateResults || !this.#link.socket) return;
    const words = wordsUntil(said.words, atMs);
    if (words.length <= said.shown) return;
    said.shown = words.length;
    const text = words.map((word) => word.text).join(' ');
    if (this.#send(said, text, words, atMs - said.startMs, 'Intermediate')) this.#call.report.interim += 1;
  }

  /** Sends the final transcript; false when there was nowhere to send it to. */
  final(said: Transcribed): boolean {
    const sent = this.#send(said, said.text, said.words, said.durationMs, 'Final');
    if (sent) this.#call.report.finals += 1;
    else this.#call.report.unsentTranscripts += 1;
    return sent;
  }

  #send(
    said: Transcribed,
    text: string,
    words: readonly TranscribedWord[],
    durationMs: number,
    resultStatus: 'Intermediate' | 'Final',
  ): boolean {
    const confidence =
      Math.round(this.#call.chance.between(0.7, 0.98, 'confidence', said.startMs) * 100) / 100;
    return (
      this.#link.socket?.send(
        transcriptionData({
          text,
          confidence: resultStatus === 'Final' ? confidence : 0,
          offset: Math.round(said.startMs * TICKS_PER_MS),
          duration: Math.round(durationMs * TICKS_PER_MS),
          words,
          participantRawID: this.#call.caller.rawId,
          resultStatus,
        }),
      ) ?? false
    );
  }
}
