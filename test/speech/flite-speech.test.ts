import { afterAll, describe, expect, it } from 'vitest';
import { FlitePool } from '../../src/audio/flite.js';
import { durationMs } from '../../src/audio/pcm.js';
import { FliteSpeech } from '../../src/speech/flite-speech.js';
import type { SpeechRequest } from '../../src/speech/port.js';
import { CachedSpeech } from '../../src/speech/tts-cache.js';

const REQUEST: SpeechRequest = { text: 'How can I help you today?', voice: 'kal16', sampleRate: 16000 };

describe('FliteSpeech', () => {
  const pool = new FlitePool({ threads: 1 });
  const speech = new FliteSpeech(pool);
  const plain = { seal: (audio: Buffer) => audio, open: (sealed: Buffer) => sealed };
  const cache = new CachedSpeech({ speech, seal: plain, secret: 's' });
  afterAll(() => pool.close());

  it('speaks faster and slower', async () => {
    const lengths: number[] = [];
    for (const rate of [0.5, 1, 2])
      lengths.push(durationMs((await cache.speak({ ...REQUEST, rate })).pcm.length, 16000));
    const [slow = 0, own = 0, fast = 0] = lengths;
    expect(slow / own).toBeGreaterThan(1.6);
    expect(own / fast).toBeGreaterThan(1.4);
  });

  it('speaks a phrase once for a hundred callers', async () => {
    const before = pool.stats.synthesized;
    const request = { ...REQUEST, text: 'One moment, please.' };
    const all = await Promise.all(Array.from({ length: 100 }, () => cache.speak(request)));
    expect(new Set(all).size).toBe(1);
    expect(pool.stats.synthesized).toBe(before + 1);
  });

  it.each([
    [{ ...REQUEST, voice: 'nobody' }, 'RTV_SPEECH_REJECTED'],
    [{ ...REQUEST, text: ' ' }, 'RTV_SPEECH_REJECTED'],
  ])('says what cannot be spoken (case %#)', async (request, code) => {
    await expect(cache.speak(request)).rejects.toMatchObject({ code, retryable: false });
  });

  it('names its voices', () => {
    expect(speech.voices().map(({ name }) => name)).toContain('slt');
  });
});
