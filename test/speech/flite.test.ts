import { randomBytes } from 'node:crypto';
import type { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';
import { FLITE_VOICES, FlitePool } from '../../src/audio/flite.js';
import { durationMs, levelDb } from '../../src/audio/pcm.js';

const SENTENCE = 'Hello, thank you for calling. How can I help you today?';
const KAL = { voice: 'kal16', sampleRate: 16000 };

describe('FlitePool', () => {
  const pool = new FlitePool({ threads: 1, queueLimit: 3 });
  afterAll(() => pool.close());

  it.each(Object.keys(FLITE_VOICES))('%s speaks at both rates of a call', async (voice) => {
    for (const sampleRate of [16000, 24000]) {
      const pcm = await pool.synthesize(SENTENCE, { voice, sampleRate });
      expect(durationMs(pcm.length, sampleRate)).toBeGreaterThan(2500);
      expect(durationMs(pcm.length, sampleRate)).toBeLessThan(5500);
      expect(levelDb(pcm)).toBeGreaterThan(-40);
    }
  });

  it.each([
    '--help',
    '-lv',
    '/etc/passwd',
    '-f /etc/passwd',
    'out.wav',
    'two\nlines\tand\u0007 a bell',
    '\ud800 lone surrogate',
    'Grüße, 你好 and 🙂',
    '?!',
    '<speak>not <break time="9s"/> markup</speak>',
    'word '.repeat(999),
    'x'.repeat(4999),
  ])('speaks a hostile text or refuses it with a code (case %#)', async (text) => {
    const outcome = await pool.synthesize(text, KAL).catch((error: unknown) => error);
    if (Buffer.isBuffer(outcome)) expect(outcome.length % 2).toBe(0);
    else expect(outcome).toMatchObject({ code: expect.stringMatching(/^RTV_AUDIO_/) });
    expect((await pool.synthesize(SENTENCE, KAL)).length).toBeGreaterThan(80_000);
  });

  it('reads a file name aloud instead of the file', async () => {
    const named = await pool.synthesize('/etc/passwd', KAL);
    expect(durationMs(named.length, 16000)).toBeLessThan(5000);
  });

  it.each([
    ['', KAL, 'RTV_AUDIO_TEXT_EMPTY'],
    [' \n\u0000', KAL, 'RTV_AUDIO_TEXT_EMPTY'],
    [randomBytes(5120).toString('hex'), KAL, 'RTV_AUDIO_TEXT_TOO_LONG'],
    ['hi', { voice: '/tmp/x.flitevox', sampleRate: 16000 }, 'RTV_AUDIO_VOICE_UNKNOWN'],
    ['hi', { voice: 'toString', sampleRate: 16000 }, 'RTV_AUDIO_VOICE_UNKNOWN'],
  ])('refuses what it cannot speak (case %#)', async (text, request, code) => {
    await expect(pool.synthesize(text, request)).rejects.toMatchObject({ code });
  });

  it('bounds its queue', async () => {
    const long = SENTENCE.repeat(20);
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => pool.synthesize(long, KAL)));
    expect(results.map((r) => (r.status === 'fulfilled' ? 'spoken' : r.reason.code))).toEqual([
      'spoken',
      'spoken',
      'spoken',
      'spoken',
      'RTV_AUDIO_QUEUE_FULL',
    ]);
  });

  it('drops a waiting text and one in work when they are aborted', async () => {
    const running = new AbortController();
    const waiting = new AbortController();
    const first = pool.synthesize(SENTENCE.repeat(40), KAL, running.signal);
    const second = pool.synthesize(SENTENCE, KAL, waiting.signal);
    const third = pool.synthesize(SENTENCE, KAL);
    running.abort();
    waiting.abort();
    expect(pool.stats.queued).toBe(1);
    await expect(first).rejects.toMatchObject({ code: 'RTV_AUDIO_ABORTED' });
    await expect(second).rejects.toMatchObject({ code: 'RTV_AUDIO_ABORTED' });
    expect((await third).length).toBeGreaterThan(80_000);
  });

  it('replaces a dead thread and gives its text another try', async () => {
    const restarts = pool.stats.restarts;
    const [thread] = Reflect.get(pool, 'threads') as Set<{ worker: Worker }>;
    const result = pool.synthesize(SENTENCE.repeat(40), KAL);
    await thread?.worker.terminate();
    expect((await result).length).toBeGreaterThan(1_000_000);
    expect(pool.stats.restarts).toBe(restarts + 1);
  });

  it('replaces a thread that takes too long', async () => {
    const hasty = new FlitePool({ threads: 1, timeoutMs: 40 });
    await hasty.ready();
    await expect(hasty.synthesize(SENTENCE.repeat(80), KAL)).rejects.toMatchObject({
      code: 'RTV_AUDIO_SYNTHESIS_TIMEOUT',
    });
    expect((await hasty.synthesize('Hi.', KAL)).length).toBeGreaterThan(1000);
    await hasty.close();
  });

  it('does not keep a process alive', async () => {
    const holders = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    const before = holders();
    const idle = new FlitePool({ threads: 2 });
    await idle.ready();
    await idle.synthesize('Hi.', KAL);
    expect(holders()).toBe(before);
    await idle.close();
  });

  it('rejects what waits when it is closed, and what comes after', async () => {
    const brief = new FlitePool({ threads: 1 });
    const waiting = brief.synthesize(SENTENCE, KAL).catch((error: unknown) => error);
    await brief.close();
    expect(await waiting).toMatchObject({ code: 'RTV_AUDIO_CLOSED' });
    await expect(brief.synthesize(SENTENCE, KAL)).rejects.toMatchObject({ code: 'RTV_AUDIO_CLOSED' });
  });
});
