import { afterEach, expect, it, vi } from 'vitest';
import { FlitePool } from '../../audio/flite.js';
import { Speech } from './speech.js';

afterEach(() => vi.restoreAllMocks());

it('speaks once what many callers say with words of their own in mind', async () => {
  const made = vi.spyOn(FlitePool.prototype, 'synthesize');
  const speech = new Speech();
  try {
    const lines = Array.from({ length: 300 }, (_, at) => ({
      say: 'My number.',
      text: `My number is ${at}.`,
    }));
    const all = await Promise.all(lines.map((line) => speech.utterance(line, 'slt', 16_000)));
    expect(made).toHaveBeenCalledTimes(1);
    expect(all.map((one) => one?.text)).toEqual(lines.map(({ text }) => text));
    expect(new Set(all.map((one) => one?.frames)).size).toBe(1);
    expect(all[0]?.frames.length).toBeGreaterThan(10);
  } finally {
    await speech.close();
  }
});
