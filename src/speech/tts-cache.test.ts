import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpeechError } from './errors.js';
import type { Speech, SpeechRequest } from './port.js';
import type { SpeechSeal, SpeechStore } from './speech-store.js';
import { CachedSpeech, normalise } from './tts-cache.js';

const HELLO: SpeechRequest = { text: 'Hello there.', voice: 'kal16', sampleRate: 16000 };

/** Speech whose end is in the test's hand. */
class HeldSpeech implements Speech {
  started = 0;
  aborted = 0;
  private readonly waiting: (() => void)[] = [];
  held = false;

  async *synthesize(request: SpeechRequest, signal: AbortSignal): AsyncIterable<Buffer> {
    this.started++;
    if (this.held) {
      await new Promise<void>((resolve, reject) => {
        this.waiting.push(resolve);
        signal.addEventListener('abort', () => {
          this.aborted++;
          reject(new SpeechError('RTV_SPEECH_ABORTED', 'aborted'));
        });
      });
    }
    yield Buffer.from('audio of ');
    yield Buffer.from(request.text);
  }

  voices() {
    return [];
  }

  release(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

class MapStore implements SpeechStore {
  readonly map = new Map<string, Buffer>();
  get = async (hash: string) => this.map.get(hash);
  set = async (hash: string, audio: Buffer) => {
    this.map.set(hash, audio);
  };
}

const key = randomBytes(32);
const seal: SpeechSeal = {
  seal(audio, hash) {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(hash));
    return Buffer.concat([iv, cipher.update(audio), cipher.final(), cipher.getAuthTag()]);
  },
  open(sealed, hash) {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12));
    decipher.setAAD(Buffer.from(hash)).setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
  },
};

const until = async (condition: () => boolean): Promise<void> => {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('condition not met');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

function make(
  options: { store?: SpeechStore; phrases?: string[]; maxBytes?: number; storeDeadlineMs?: number } = {},
) {
  const speech = new HeldSpeech();
  return { speech, cache: new CachedSpeech({ speech, seal, secret: 'a secret', ...options }) };
}

describe('CachedSpeech', () => {
  it('speaks once, then remembers', async () => {
    const { speech, cache } = make();
    expect(cache.peek(HELLO)).toBeUndefined();
    expect((await cache.speak(HELLO)).pcm.toString()).toBe('audio of Hello there.');
    await cache.speak({ ...HELLO, text: '  Hello \n there. ' });
    expect(cache.peek(HELLO)?.toString()).toBe('audio of Hello there.');
    expect(speech.started).toBe(1);
    expect(cache.stats).toEqual({
      hits: { memory: 2, store: 0 },
      joined: 0,
      misses: 1,
      syntheses: 1,
      storeFailures: 0,
      bytes: 21,
    });
  });

  it('tells apart what sounds different, and needs the secret to name it', () => {
    const { cache, speech } = make();
    const variants: SpeechRequest[] = [
      HELLO,
      { ...HELLO, text: 'hello there.' },
      { ...HELLO, voice: 'slt' },
      { ...HELLO, sampleRate: 24000 },
      { ...HELLO, rate: 1.2 },
      { ...HELLO, language: 'en-GB' },
    ];
    expect(new Set(variants.map((request) => cache.hash(request))).size).toBe(variants.length);
    expect(cache.hash({ ...HELLO, rate: 1 })).toBe(cache.hash(HELLO));
    const other = new CachedSpeech({ speech, seal, secret: 'another secret' });
    expect(other.hash(HELLO)).not.toBe(cache.hash(HELLO));
    expect(cache.hash(HELLO)).toMatch(/^[0-9a-f]{64}$/);
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (s) => normalise(normalise(s)) === normalise(s)));
  });

  it('shares one synthesis among a hundred callers, of whom one may leave', async () => {
    const { speech, cache } = make();
    speech.held = true;
    const leaver = new AbortController();
    const left = cache.speak(HELLO, leaver.signal).catch((error: unknown) => error);
    const rest = Array.from({ length: 99 }, () => cache.speak(HELLO, new AbortController().signal));
    await until(() => speech.started === 1);
    leaver.abort();
    expect(await left).toMatchObject({ code: 'RTV_SPEECH_ABORTED' });
    speech.release();
    for (const audio of await Promise.all(rest)) expect(audio.pcm.toString()).toBe('audio of Hello there.');
    expect([speech.started, speech.aborted, cache.stats.joined]).toEqual([1, 0, 99]);
  });

  it('ends the synthesis with its last caller, and the next caller gets a new one', async () => {
    const { speech, cache } = make();
    speech.held = true;
    const [a, b] = [new AbortController(), new AbortController()];
    const both = [cache.speak(HELLO, a.signal), cache.speak(HELLO, b.signal)].map((p) =>
      p.catch(() => 'left'),
    );
    await until(() => speech.started === 1);
    a.abort();
    expect(speech.aborted).toBe(0);
    b.abort();
    expect(speech.aborted).toBe(1);
    speech.held = false;
    expect((await cache.speak(HELLO)).pcm.toString()).toBe('audio of Hello there.');
    expect(await Promise.all(both)).toEqual(['left', 'left']);
    await expect(cache.speak(HELLO, AbortSignal.abort())).rejects.toMatchObject({
      code: 'RTV_SPEECH_ABORTED',
    });
  });

  it('shares sealed audio through the store; configured phrases in the open', async () => {
    const store = new MapStore();
    const one = make({ store, phrases: ['One moment,  please.'] });
    await one.cache.speak(HELLO);
    const phrase = { ...HELLO, text: 'One moment, please.' };
    expect(await one.cache.warm([phrase])).toBe(1);
    await until(() => store.map.size === 2);
    expect(store.map.get(one.cache.hash(HELLO))?.includes('audio of')).toBe(false);
    expect(store.map.get(one.cache.hash(phrase))?.includes('audio of One moment')).toBe(true);

    const two = make({ store, phrases: ['One moment, please.'] });
    expect((await two.cache.speak(HELLO)).pcm.toString()).toBe('audio of Hello there.');
    expect((await two.cache.speak(phrase)).pcm.toString()).toBe('audio of One moment, please.');
    expect(two.speech.started).toBe(0);
    expect(two.cache.stats.hits.store).toBe(2);
  });

  it('does not play what somebody put into the store', async () => {
    const store = new MapStore();
    const { cache, speech } = make({ store });
    store.map.set(cache.hash(HELLO), Buffer.from('Pforeign audio'));
    expect((await cache.speak(HELLO)).pcm.toString()).toBe('audio of Hello there.');
    const sealed = store.map.get(cache.hash(HELLO)) ?? Buffer.alloc(0);
    const other = { ...HELLO, text: 'Other.' };
    store.map.set(cache.hash(other), sealed);
    expect((await cache.speak(other)).pcm.toString()).toBe('audio of Other.');
    expect(speech.started).toBe(2);
    expect(cache.stats.storeFailures).toBe(1);
  });

  it.each<[string, SpeechStore]>([
    ['fails', { get: () => Promise.reject(new Error('down')), set: () => Promise.reject(new Error('down')) }],
    ['never answers', { get: () => new Promise(() => {}), set: () => new Promise(() => {}) }],
  ])('speaks when the store %s, and leaves it alone for a while', async (_how, store) => {
    let asked = 0;
    const counting: SpeechStore = {
      get: (hash) => {
        asked++;
        return store.get(hash);
      },
      set: store.set,
    };
    const { cache } = make({ store: counting, storeDeadlineMs: 20 });
    for (let i = 0; i < 20; i++) {
      const audio = await cache.speak({ ...HELLO, text: `Number ${i}` });
      expect(audio.pcm.toString()).toBe(`audio of Number ${i}`);
    }
    expect(asked).toBeLessThanOrEqual(3);
    expect(cache.stats.storeFailures).toBeGreaterThan(0);
  });

  it('keeps its memory within bounds', async () => {
    const { cache, speech } = make({ maxBytes: 100 });
    for (let i = 0; i < 50; i++) await cache.speak({ ...HELLO, text: `Number ${i}` });
    expect(cache.stats.bytes).toBeLessThanOrEqual(100);
    await cache.speak({ ...HELLO, text: 'Number 49' });
    expect(speech.started).toBe(50);
  });

  it('does not remember a failure', async () => {
    const { cache, speech } = make();
    const works = speech.synthesize.bind(speech);
    speech.synthesize = () => {
      throw new SpeechError('RTV_SPEECH_UNAVAILABLE', 'no');
    };
    await expect(cache.speak(HELLO)).rejects.toMatchObject({ code: 'RTV_SPEECH_UNAVAILABLE' });
    speech.synthesize = works;
    expect((await cache.speak(HELLO)).pcm.toString()).toBe('audio of Hello there.');
  });

  it('never pushes a common phrase out of memory: it is said when nothing else can be had', async () => {
    const speech = new HeldSpeech();
    const cache = new CachedSpeech({ speech, seal, secret: 's', phrases: [HELLO.text], maxBytes: 64 });
    await cache.warm([HELLO]);
    for (let other = 0; other < 20; other += 1)
      await cache.speak({ ...HELLO, text: `Another sentence, number ${other}.` });
    expect(cache.stats.bytes).toBeLessThan(200);
    speech.held = true;
    expect((await cache.speak(HELLO)).from).toBe('memory');
    expect(cache.peek(HELLO)?.toString()).toBe('audio of Hello there.');
  });
});
