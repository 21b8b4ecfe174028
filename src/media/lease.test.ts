import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VoiceLease } from './lease.js';

describe('rule 8: a voice needs a lease', () => {
  it('is silent before the first heartbeat', () => {
    expect(new VoiceLease({ lapseMs: 3_000 }).maySpeak()).toBe(false);
  });

  it('is silent before anybody may take the worker for dead, however late the acknowledgements came', () => {
    const beats = fc.array(fc.record({ pause: fc.nat({ max: 4_000 }), took: fc.nat({ max: 2_500 }) }), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(beats, fc.nat({ max: 5_000 }), (list, later) => {
        let now = 0;
        const lapseMs = 3_000;
        const lease = new VoiceLease({ lapseMs, marginMs: 500, now: () => now });
        let expires = 0;
        for (const { pause, took } of list) {
          now += pause;
          const askedAt = now;
          // The server may have counted from the moment it was sent.
          expires = askedAt + lapseMs;
          now += took;
          lease.renewed(askedAt);
          expect(lease.maySpeak()).toBe(took < lapseMs - 500);
        }
        now += later;
        if (lease.maySpeak()) expect(now).toBeLessThan(expires - 500);
      }),
    );
  });

  it('is not shortened by an acknowledgement that comes out of order', () => {
    let now = 0;
    const lease = new VoiceLease({ lapseMs: 3_000, now: () => now });
    lease.renewed(1_000);
    lease.renewed(0);
    now = 3_400;
    expect(lease.maySpeak()).toBe(true);
    now = 3_500;
    expect([lease.maySpeak(), lease.leftMs]).toEqual([false, 0]);
  });

  it('can be given up, and must leave a margin', () => {
    const lease = new VoiceLease({ lapseMs: 3_000, now: () => 0 });
    lease.renewed(0);
    lease.end();
    expect(lease.maySpeak()).toBe(false);
    expect(() => new VoiceLease({ lapseMs: 500 })).toThrow(RangeError);
  });
});
