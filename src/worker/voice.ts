/** The worker's voice: flite in worker threads behind the speech cache (memory, then Redis, then synthesis). */
import { FlitePool } from '../audio/flite.js';
import type { SampleRate } from '../audio/pcm.js';
import type { Config } from '../config.js';
import type { Voice } from '../media/ports.js';
import type { Metrics } from '../ops/metrics.js';
import type { Seal } from '../privacy/seal.js';
import { FliteSpeech } from '../speech/flite-speech.js';
import { CachedSpeech } from '../speech/tts-cache.js';
import type { RedisManager } from '../stores/redis/manager.js';

export interface WorkerVoice extends Voice {
  /** Makes the common phrases, so that nobody waits for them. */
  warm(): Promise<void>;
  close(): Promise<void>;
}

const RATE: SampleRate = 16_000;

export function createVoice(
  config: Config,
  redis: RedisManager,
  seal: Seal,
  metrics: Metrics,
  phrases: readonly string[],
): WorkerVoice {
  const pool = new FlitePool({ threads: config.SPEECH_THREADS });
  const key = (hash: string): string => redis.keyManager.cacheKey('tts', hash);
  const cache = new CachedSpeech({
    speech: new FliteSpeech(pool),
    secret: seal.pseudonym('speech', 'cache key'),
    phrases,
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
  const request = (text: string, sampleRate: SampleRate) => ({
    text,
    voice: config.SPEECH_VOICE,
    language: config.SPEECH_LOCALE,
    sampleRate,
  });

  return {
    async speak(text, sampleRate, signal) {
      const spoken = await cache.speak(request(text, sampleRate), signal);
      if (spoken.from === 'synthesis') metrics.ttsSyntheses.add(1);
      else metrics.ttsHits.add(1, { tier: spoken.from });
      return spoken;
    },
    async warm() {
      await cache.warm(phrases.map((text) => request(text, RATE)));
    },
    close: () => pool.close(),
  };
}
