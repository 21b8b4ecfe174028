import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_LATENCIES, describeLatencies, draw, NO_LATENCIES, parseLatencies } from './latency.js';
import { Chance } from './random.js';

describe('latencies', () => {
  it('read what they print', () => {
    expect(describeLatencies(DEFAULT_LATENCIES)).toBe('rest=50-150,socket=100-300,final=300-800,event=10-50');
    expect(describeLatencies(NO_LATENCIES)).toBe('none');
    const range = fc.tuple(fc.nat(2000), fc.nat(2000)).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
    fc.assert(
      fc.property(range, range, range, fc.integer({ min: 1, max: 500 }), (rest, socket, final, event) => {
        const text = `rest=${rest},socket=${socket},final=${final},event=${event}-${event}`;
        expect(describeLatencies(parseLatencies(text))).toBe(text);
      }),
    );
  });

  it('overlay a base', () => {
    expect(parseLatencies('final=5', NO_LATENCIES)).toEqual({
      ...NO_LATENCIES,
      final: { minMs: 5, maxMs: 5 },
    });
    expect(parseLatencies('', NO_LATENCIES)).toBe(NO_LATENCIES);
    expect(parseLatencies('none')).toBe(NO_LATENCIES);
  });

  it('refuse what they do not know', () => {
    for (const text of ['fast', 'rest=', 'rest=a-b', 'speed=5', 'rest=5;final=6']) {
      expect(() => parseLatencies(text)).toThrow(
        expect.objectContaining({ code: 'RTV_SIM_LATENCY_INVALID' }),
      );
    }
  });

  it('are drawn within their range', () => {
    for (let n = 0; n < 1000; n++) {
      const ms = draw(DEFAULT_LATENCIES.rest, new Chance(n), 'answerCall', n);
      expect(ms).toBeGreaterThanOrEqual(50);
      expect(ms).toBeLessThan(150);
    }
  });
});
