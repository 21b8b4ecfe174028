import { describe, expect, test } from 'vitest';
import { PromptCache } from './prompt-cache.js';

/** A loader whose loads end when the test says so. */
function gated() {
  const gates: { name: string; open: (prompt: string) => void; fail: (cause: Error) => void }[] = [];
  const load = (name: string): Promise<string> =>
    new Promise((resolve, reject) => gates.push({ name, open: resolve, fail: reject }));
  return { gates, load };
}

describe('PromptCache', () => {
  test('100 who ask for the same prompt cause one load', async () => {
    const { gates, load } = gated();
    const cache = new PromptCache({ load });
    const all = Array.from({ length: 100 }, () => cache.get('FNOL'));
    expect(gates).toHaveLength(1);
    gates[0]?.open('You take claims.');
    expect(new Set(await Promise.all(all))).toEqual(new Set(['You take claims.']));
    expect(await cache.get('FNOL')).toBe('You take claims.');
    expect(cache.stats).toMatchObject({ hits: 1, joined: 99, loads: 1, failures: 0, prompts: 1 });
  });

  test('keeps to its bound in bytes, whatever is asked for', async () => {
    const cache = new PromptCache({ load: async (name) => name.repeat(100), maxBytes: 10_000 });
    for (let n = 0; n < 1_000; n += 1) await cache.get(`prompt-${n}`);
    expect(cache.stats.bytes).toBeLessThanOrEqual(10_000);
    expect(cache.stats.prompts).toBeGreaterThan(5);
    expect(await cache.get('x'.repeat(500))).toHaveLength(50_000);
    expect(cache.stats.bytes).toBeLessThanOrEqual(10_000);
  });

  test('a failure is told to all who wait, and not remembered', async () => {
    let tries = 0;
    const cache = new PromptCache({
      load: async () => {
        tries += 1;
        if (tries === 1) throw new Error('away');
        return 'here';
      },
    });
    const both = await Promise.allSettled([cache.get('a'), cache.get('a')]);
    for (const one of both) {
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'RTV_MEMORY_PROMPT_UNAVAILABLE' } });
    }
    expect(await cache.get('a')).toBe('here');
    expect(cache.stats).toMatchObject({ loads: 2, failures: 1 });
  });

  test('what was forgotten while it was loading is not kept, and loaded anew', async () => {
    const { gates, load } = gated();
    const cache = new PromptCache({ load });
    const old = cache.get('a');
    cache.invalidate('a');
    const fresh = cache.get('a');
    gates[1]?.open('new');
    expect(await fresh).toBe('new');
    gates[0]?.open('old');
    expect(await old).toBe('old');
    expect(await cache.get('a')).toBe('new');
    cache.invalidate();
    expect(cache.stats.prompts).toBe(0);
  });

  test('loads are bounded in number and time', async () => {
    const signals: AbortSignal[] = [];
    const cache = new PromptCache({
      load: (_name, signal) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
      maxLoads: 2,
      deadlineMs: 20,
    });
    const slow = [cache.get('a'), cache.get('b')];
    await expect(cache.get('c')).rejects.toMatchObject({ code: 'RTV_MEMORY_PROMPT_UNAVAILABLE' });
    for (const one of slow)
      await expect(one).rejects.toMatchObject({ code: 'RTV_MEMORY_PROMPT_UNAVAILABLE' });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });
});
