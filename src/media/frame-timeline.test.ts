import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameTimeline } from './frame-timeline.js';

const START = 1_700_000_000_000;

/** Places frames by the time at which each was recorded. @param late of each, ms */
function run(recordedMs: readonly number[], late: (index: number) => number = () => 0) {
  const timeline = new FrameTimeline();
  const places = recordedMs.map((ms, index) => timeline.place(START + ms + late(index)));
  return { timeline, places };
}
const frames = (count: number, from = 0): number[] =>
  Array.from({ length: count }, (_, index) => from + index * 20);

describe('timeline of frames', () => {
  it('counts where there is no clock', () => {
    const timeline = new FrameTimeline();
    expect([1, 2, 3].map(() => timeline.place(undefined))).toEqual([0, 20, 40]);
    expect(timeline.missing).toBe(0);
  });

  it.each([1, 2, 5, 40])('finds %i lost frame(s) and moves on by them', (lost) => {
    const { timeline, places } = run([...frames(100), ...frames(100, (100 + lost) * 20)]);
    expect(timeline.missing).toBe(lost);
    expect(places.at(-1)).toBe((199 + lost) * 20);
  });

  it('finds several gaps, each once', () => {
    const { timeline } = run([...frames(60), ...frames(60, 62 * 20), ...frames(60, 125 * 20)]);
    expect(timeline.missing).toBe(2 + 3);
  });

  it('takes no jitter for a gap', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -15, max: 15 }), { minLength: 200, maxLength: 400 }),
        (jitter) => {
          const { timeline, places } = run(frames(jitter.length), (index) => jitter[index] ?? 0);
          // A run of frames that are all late alike is a gap by every sign.
          const fooled = jitter.some((_, at) => {
            const near = jitter.slice(at, at + 8);
            return near.length === 8 && Math.min(...near) - Math.min(...jitter.slice(0, at + 8)) >= 15;
          });
          if (!fooled) {
            expect(timeline.missing).toBe(0);
            expect(places.at(-1)).toBe((jitter.length - 1) * 20);
          }
        },
      ),
    );
  });

  it('takes no bundle after a stall for a gap, where timestamps are those of sending', () => {
    const stalled = frames(200).map((ms) => (ms >= 1_000 && ms < 1_400 ? 1_400 : ms));
    expect(run(stalled).timeline.missing).toBe(0);
  });

  it('lets two clocks drift apart by a millisecond a second', () => {
    for (const drift of [0.0009, -0.0009]) {
      const { timeline } = run(frames(20_000), (index) => index * 20 * drift);
      expect(timeline.missing).toBe(0);
    }
  });

  it('goes on where a clock is set back, or stands still', () => {
    expect(run([...frames(100), ...frames(100, -3_600_000)]).timeline.missing).toBe(0);
    const { timeline, places } = run(Array<number>(300).fill(0));
    expect(timeline.missing).toBe(0);
    expect(places.at(-1)).toBe(299 * 20);
  });
});
