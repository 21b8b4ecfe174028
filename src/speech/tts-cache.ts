import { createHmac } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { SpeechError } from './errors.js';
import { clampRate, type Speech, type SpeechRequest } from './port.js';
import { SharedSpeechStore, type SpeechSeal, type SpeechStore } from './speech-store.js';

export interface CachedSpeechOptions {
  speech: Speech;
  /** Shared cache, e.g. Redis. Without one, memory alone. */
  store?: SpeechStore;
  /** Encrypts audio for the store, except that of `phrases`. */
  seal: SpeechSeal;
  /** Key of the hash: without it nobody can test guesses of what was said. */
  secret: Buffer | string;
  /** Texts without personal data; their audio is stored unsealed. */
  phrases?: Iterable<string>;
  /** Audio kept in memory. Default 64 MiB. */
  maxBytes?: number;
  /** Life in the store, s. Default 24 h. */
  ttlS?: number;
  /** Longest wait for the store, ms. Default 50. */
  storeDeadlineMs?: number;
}

/** Counters since the start. */
export interface SpeechCacheStats {
  hits: { memory: number; store: number };
  /** Requests that joined a synthesis or a look-up under way. */
  joined: number;
  misses: number;
  syntheses: number;
  storeFailures: number;
  /** Audio in memory now. */
  bytes: number;
}

/** Audio of a whole text, and which tier it came from. */
export interface CachedAudio {
  /** PCM16 mono; not to be written to, others share it. */
  readonly pcm: Buffer;
  readonly from: 'memory' | 'store' | 'synthesis';
}

/** Phrases in all voices and rates; a configuration with more has its last ones in the bounded memory. */
const MOST_PINNED = 512;

interface Flight {
  audio: Promise<CachedAudio>;
  controller: AbortController;
  waiting: number;
}

/**
 * Speech through a cache: memory, then the shared store, then synthesis. Equal requests at one time share
 * one synthesis. A store that fails or dawdles costs its deadline, never the speech.
 */
export class CachedSpeech {
  private readonly speech: Speech;
  private readonly secret: Buffer | string;
  private readonly phrases: ReadonlySet<string>;
  private readonly memory: LRUCache<string, Buffer>;
  /** Audio of `phrases`: never pushed out, since it is what is said when nothing else can be had. */
  private readonly pinned = new Map<string, Buffer>();
  private readonly store: SharedSpeechStore | undefined;
  private readonly flights = new Map<string, Flight>();
  private readonly counters = { memory: 0, store: 0, joined: 0, misses: 0, syntheses: 0 };

  constructor(options: CachedSpeechOptions) {
    this.speech = options.speech;
    this.secret = options.secret;
    this.phrases = new Set([...(options.phrases ?? [])].map(normalise));
    this.memory = new LRUCache({
      maxSize: options.maxBytes ?? 64 * 1024 * 1024,
      sizeCalculation: (audio) => Math.max(1, audio.length),
    });
    this.store = options.store
      ? new SharedSpeechStore({
          store: options.store,
          seal: options.seal,
          ttlS: options.ttlS ?? 24 * 3600,
          deadlineMs: options.storeDeadlineMs ?? 50,
        })
      : undefined;
  }

  /** Audio that is in memory, at once. Not to be written to: others share it. */
  peek(request: SpeechRequest): Buffer | undefined {
    const audio = this.held(this.hash(request));
    if (audio) this.counters.memory++;
    return audio;
  }

  /**
   * Audio of the whole text, PCM16 mono; not to be written to, others share it. One caller's abort leaves
   * the others their speech; when the last one aborts, the synthesis ends.
   * @throws SpeechError
   */
  speak(request: SpeechRequest, signal?: AbortSignal): Promise<CachedAudio> {
    if (signal?.aborted) return Promise.reject(aborted());
    const hash = this.hash(request);
    const known = this.held(hash);
    if (known) {
      this.counters.memory++;
      return Promise.resolve({ pcm: known, from: 'memory' });
    }
    let flight = this.flights.get(hash);
    if (flight) this.counters.joined++;
    else {
      flight = this.takeOff(hash, request);
      this.flights.set(hash, flight);
    }
    return this.board(hash, flight, signal);
  }

  /** Speaks texts ahead of need, one after another. Resolves to how many are ready. */
  async warm(requests: Iterable<SpeechRequest>, signal?: AbortSignal): Promise<number> {
    let ready = 0;
    for (const request of requests) {
      if (signal?.aborted) break;
      await this.speak(request, signal).then(
        () => ready++,
        () => {},
      );
    }
    return ready;
  }

  get stats(): SpeechCacheStats {
    const { memory, store, ...rest } = this.counters;
    return {
      hits: { memory, store },
      ...rest,
      storeFailures: this.store?.failures ?? 0,
      bytes:
        this.memory.calculatedSize + [...this.pinned.values()].reduce((sum, { length }) => sum + length, 0),
    };
  }

  /** Name of the audio in the cache: hex HMAC-SHA256 of voice, language, rate, format and normalised text. */
  hash(request: SpeechRequest): string {
    const { voice, language = '', sampleRate, text } = request;
    const parts = [voice, language, clampRate(request.rate), `pcm16-${sampleRate}`, normalise(text)];
    return createHmac('sha256', this.secret).update(JSON.stringify(parts)).digest('hex');
  }

  private held(hash: string): Buffer | undefined {
    return this.pinned.get(hash) ?? this.memory.get(hash);
  }

  private keep(hash: string, audio: Buffer, phrase: boolean): void {
    if (phrase && this.pinned.size < MOST_PINNED) this.pinned.set(hash, audio);
    else this.memory.set(hash, audio);
  }

  private takeOff(hash: string, request: SpeechRequest): Flight {
    const controller = new AbortController();
    const audio = this.fetch(hash, request, controller.signal).finally(() => {
      if (this.flights.get(hash)?.controller === controller) this.flights.delete(hash);
    });
    // When all its callers have gone, nobody hears of its end.
    audio.catch(() => {});
    return { audio, controller, waiting: 0 };
  }

  private board(hash: string, flight: Flight, signal: AbortSignal | undefined): Promise<CachedAudio> {
    flight.waiting++;
    if (!signal) return flight.audio;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        flight.waiting--;
        if (flight.waiting === 0) {
          if (this.flights.get(hash) === flight) this.flights.delete(hash);
          flight.controller.abort();
        }
        reject(aborted());
      };
      signal.addEventListener('abort', onAbort, { once: true });
      flight.audio.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  private async fetch(hash: string, request: SpeechRequest, signal: AbortSignal): Promise<CachedAudio> {
    const plain = this.phrases.has(normalise(request.text));
    const stored = await this.store?.get(hash, plain);
    if (stored) {
      this.counters.store++;
      this.keep(hash, stored, plain);
      return { pcm: stored, from: 'store' };
    }
    if (signal.aborted) throw aborted();
    this.counters.misses++;
    this.counters.syntheses++;
    const chunks: Buffer[] = [];
    for await (const chunk of this.speech.synthesize(request, signal)) chunks.push(chunk);
    const audio = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
    this.keep(hash, audio, plain);
    this.store?.put(hash, audio, plain);
    return { pcm: audio, from: 'synthesis' };
  }
}

/** Spoken alike, written alike: NFC, single spaces. Letter case stays, for it can change what is heard. */
export function normalise(text: string): string {
  return text.normalize('NFC').replace(/\s+/gu, ' ').trim();
}

function aborted(): SpeechError {
  return new SpeechError('RTV_SPEECH_ABORTED', 'synthesis aborted');
}
