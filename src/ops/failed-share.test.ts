import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FailedShare } from './failed-share.js';

const MINUTE = 60_000;

it('counts what happened in the last five minutes, to ten seconds', () => {
  const event = fc.record({ after: fc.nat({ max: 2 * MINUTE }), failed: fc.boolean() });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 50 }), fc.nat({ max: 6 * MINUTE }), (events, later) => {
      let now = 0;
      const share = new FailedShare(() => now);
      const told: { at: number; failed: boolean }[] = [];
      for (const { after, failed } of events) {
        now += after;
        share.record(failed);
        told.push({ at: now, failed });
      }
      now += later;
      const oldest = (Math.floor(now / 10_000) - 29) * 10_000;
      const recent = told.filter(({ at }) => at >= oldest);
      const failed = recent.filter((one) => one.failed).length;
      expect(share.share).toBe(recent.length === 0 ? undefined : failed / recent.length);
    }),
  );
});
