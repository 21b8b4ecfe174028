/** The worker's voice: a speech engine behind the speech cache (memory, then Redis, then synthesis). */
import type { SampleRate } from '../audio/pcm.js';
import type { Config } from '../config.js';
import type { Voice } from '../media/ports.js';
import type { Metrics } from '../ops/metrics.js';
import type { Seal } from '../privacy/seal.js';
import type { Speaker } from '../speech/speaker.js';
import type { TextsByLanguage } from '../speech/spoken-texts.js';
import { CachedSpeech } from '../speech/tts-cache.js';
import type { RedisManager } from '../stores/redis/manager.js';
import { createSpeechEngine, speakersOf } from './speech-engine.js';

export interface WorkerVoice extends Voice {
  /**
   * Makes the common phrases in all voices, so that nobody waits for them and they are there when the engine is not.
   * Returns when they are made, at most after some seconds; what failed is tried again until it is there.
   */
  warm(): Promise<void>;
  close(): Promise<void>;
}

export interface VoiceParts {
  readonly config: Config;
  readonly redis: RedisManager;
  readonly seal: Seal;
  readonly metrics: Metrics;
  readonly texts: TextsByLanguage;
  /** The agent's own phrases, in the usual voice. */
  readonly phrases: readonly string[];
}

/** Rate of the audio that calls are answered with. */
const RATE: SampleRate = 16_000;
/** A start waits so long for its phrases, ms: an engine that is away must not keep calls from being answered. */
const WARM_MS = 5_000;
const WARM_AGAIN_MS = 15_000;

export async function createVoice(parts: VoiceParts): Promise<WorkerVoice> {
  const { config, redis, seal, metrics } = parts;
  const engine = await createSpeechEngine(config);
  const speakers = speakersOf(config);
  const common = speakers.all.flatMap((speaker) =>
    [...Object.values(parts.texts.of(speaker.language)), ...(speaker === speakers.usual ? parts.phrases : [])]
      .filter((text) => text !== '')
      .map((text) => ({ text, speaker })),
  );
  const key = (hash: string): string => redis.keyManager.cacheKey('tts', hash);
  const cache = new CachedSpeech({
    speech: engine.speech,
    secret: seal.pseudonym('speech', 'cache key'),
    phrases: common.map(({ text }) => text),
    maxBytes: config.TTS_MEMORY_MB * 1024 * 1024,
    ttlS: redis.keyManager.ttl('tts_cache'),
    store: {
      get: (hash) => redis.getBinary(key(hash)),
      set: (hash, audio, ttl) => redis.setBinary(key(hash), audio, { ttl }),
    },
    seal: {
      seal: (audio, hash) => seal.protectBytes('speech', hash, audio),
      open: (sealed, hash) => seal.revealBytes('speech', hash, sealed),
    },
  });
  const request = (text: string, sampleRate: SampleRate, { voice, language }: Speaker = speakers.usual) => ({
    ...{ text, voice, language, sampleRate },
  });

  const closing = new AbortController();
  let again: NodeJS.Timeout | undefined;
  const warmAll = async (): Promise<void> => {
    const wanted = common.map(({ text, speaker }) => request(text, RATE, speaker));
    const ready = await cache.warm(wanted, closing.signal);
    if (ready < wanted.length && !closing.signal.aborted)
      again = setTimeout(() => void warmAll(), WARM_AGAIN_MS).unref();
  };

  return {
    async speak(text, sampleRate, signal, speaker) {
      const spoken = await cache.speak(request(text, sampleRate, speaker), signal);
      if (spoken.from === 'synthesis') metrics.ttsSyntheses.add(1);
      else metrics.ttsHits.add(1, { tier: spoken.from });
      return spoken;
    },
    async warm() {
      let timer: NodeJS.Timeout | undefined;
      const enough = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, WARM_MS);
      });
      await Promise.race([warmAll(), enough]);
      clearTimeout(timer);
    },
    async close() {
      closing.abort();
      clearTimeout(again);
      await engine.close();
    },
  };
}
