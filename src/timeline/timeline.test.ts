import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { levelsOf, offsetOf } from './levels.js';
import { cutsOf, timelineOf } from './model.js';
import { COLOURS, drawTimeline, layoutOf } from './picture.js';
import { encodePng } from './png.js';
import { timelineText } from './text.js';

const START = Date.parse('2026-05-04T10:00:00.000Z');
const at = (ms: number): string => new Date(START + ms).toISOString();
const turn = (seq: number, role: 'user' | 'agent', from: number, to: number, more = {}) => ({
  ...{ seq, role, agent: 'claims', startedAt: at(from), endedAt: at(to), interrupted: false },
  ...{ text: `Words of turn ${seq}.`, ...more },
});

/** Two strips of 20 s; the caller cuts in the first and in the second. */
const transcript = {
  ...{ sessionId: 'call-1', completeness: 'complete' },
  turns: [
    turn(1, 'agent', 0, 4_000),
    turn(2, 'user', 5_000, 7_000),
    turn(3, 'agent', 7_500, 12_000, { interrupted: true, measures: { stages: { final_to_frame: 123.4 } } }),
    turn(4, 'user', 11_800, 14_000),
    turn(5, 'agent', 15_000, 25_500, { interrupted: true }),
    turn(6, 'user', 25_300, 27_000),
  ],
};
const timeline = timelineOf(transcript);

/** Points of a PNG as this repository writes them: 8 bits, RGB, each row against the one above. */
function decodePng(png: Buffer): { width: number; height: number; pixel(x: number, y: number): number[] } {
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  const data: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    const length = png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(png.subarray(at + 8, at + 8 + length));
  }
  const rows = inflateSync(Buffer.concat(data));
  const stride = width * 3;
  expect(rows.length).toBe((stride + 1) * height);
  const rgb = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y += 1) {
    expect(rows[y * (stride + 1)]).toBe(2);
    for (let x = 0; x < stride; x += 1) {
      const above = y === 0 ? 0 : (rgb[(y - 1) * stride + x] ?? 0);
      rgb[y * stride + x] = ((rows[y * (stride + 1) + 1 + x] ?? 0) + above) & 0xff;
    }
  }
  return { width, height, pixel: (x, y) => [...rgb.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)] };
}

describe('timeline of a call', () => {
  it('counts from its first word, and knows its cuts', () => {
    expect(timeline).toMatchObject({ callId: 'call-1', startMs: START, lengthMs: 27_000 });
    expect(cutsOf(timeline).map(({ toMs }) => toMs)).toEqual([12_000, 25_500]);
    expect(timeline.turns[2]).toMatchObject({ who: 'agent', waitedMs: 123.4 });
  });

  it.each([[{}], [null], [{ ...transcript, turns: [{ seq: 1 }] }]])('is refused for %j', (value) => {
    expect(() => timelineOf(value)).toThrow();
  });

  it('is text, a turn a line, with its cuts', () => {
    const lines = timelineText(timeline).split('\n');
    expect(lines).toHaveLength(7);
    expect(lines[0]).toBe('call-1  2026-05-04T10:00:00.000Z  27.0 s  6 turns, 2 cut');
    expect(lines[3]).toMatch(/^ {2}3 {4}7\.5-12\.0 +agent +=+\| +Words of turn 3\. \[cut\] \(123 ms\)$/);
    expect(lines.filter((line) => line.includes('[cut]'))).toHaveLength(2);
  });
});

describe('picture of a call', () => {
  const layout = layoutOf(timeline);
  const picture = decodePng(drawTimeline(timeline).toPng());

  it('has a strip for each 20 s', () => {
    expect(layout.strips).toHaveLength(2);
    expect(picture.height).toBe(layout.height);
  });

  it('has a mark at each cut, through all rows, and nowhere else', () => {
    for (const strip of layout.strips) {
      const y = strip.top + layout.rows.agent - 4;
      const marks = Array.from({ length: picture.width }, (_, x) => x).filter(
        (x) => String(picture.pixel(x, y)) === String(COLOURS.cut),
      );
      const cuts = cutsOf(timeline).filter(({ toMs }) => toMs >= strip.fromMs && toMs < strip.toMs);
      expect(cuts).toHaveLength(1);
      const [cut] = cuts;
      const x = Math.round(layout.x(cut?.toMs ?? 0, strip));
      expect(marks).toEqual([x - 1, x, x + 1]);
      for (const row of [layout.rows.caller, layout.rows.agent])
        expect(picture.pixel(x, strip.top + row + 2)).toEqual([...COLOURS.cut]);
    }
  });

  it('shows who speaks, and silence between', () => {
    const [strip] = layout.strips;
    if (!strip) throw new Error('no strip');
    const colour = (ms: number, row: number): number[] =>
      picture.pixel(Math.round(layout.x(ms, strip)), strip.top + row + 2);
    expect(colour(2_100, layout.rows.agent)).toEqual([...COLOURS.agent]);
    expect(colour(2_100, layout.rows.caller)).toEqual([...COLOURS.band]);
    expect(colour(6_100, layout.rows.caller)).toEqual([...COLOURS.caller]);
    expect(colour(4_500, layout.rows.agent)).toEqual([...COLOURS.band]);
  });

  it('of an empty call, and of one of many hours, is a picture too', () => {
    expect(drawTimeline(timelineOf({ ...transcript, turns: [] })).height).toBeGreaterThan(100);
    const long = { ...transcript, turns: [turn(1, 'agent', 0, 1_000), turn(2, 'user', 36e6, 36.1e6)] };
    expect(layoutOf(timelineOf(long)).strips.length).toBeLessThanOrEqual(24);
  });
});

describe('a recording beside the timeline', () => {
  const RATE = 16_000;
  /** Stereo, caller left, agent right; the call was connected 1.5 s before its first word. */
  const pcm = Buffer.alloc(4 * RATE * 30);
  for (const { who, fromMs, toMs } of timeline.turns) {
    for (let ms = fromMs + 1_500; ms < toMs + 1_500; ms += 1 / 16)
      pcm.writeInt16LE(8_000, Math.round(ms * 16) * 4 + (who === 'agent' ? 2 : 0));
  }
  const levels = levelsOf({ pcm, sampleRate: RATE, channels: 2 });

  it('is laid where its sound agrees with the turns', () => {
    expect(offsetOf(levels, timeline)).toBe(-1_500);
  });

  it('is drawn above and below the rows', () => {
    const recording = { levels, offsetMs: -1_500 };
    const layout = layoutOf(timeline, recording);
    const canvas = drawTimeline(timeline, recording);
    const [strip] = layout.strips;
    if (!strip) throw new Error('no strip');
    const loud = (ms: number, row: number): boolean =>
      String(canvas.pixel(Math.round(layout.x(ms, strip)), strip.top + row + 20)) !== String(COLOURS.paper);
    expect(loud(2_100, layout.rows.agentWave)).toBe(true);
    expect(loud(6_100, layout.rows.agentWave)).toBe(false);
    expect(loud(6_100, layout.rows.callerWave)).toBe(true);
  });
});

it('a PNG begins and ends as one', () => {
  const png = encodePng(2, 1, Uint8Array.of(255, 0, 0, 0, 0, 255));
  expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  expect(png.subarray(-8).toString('hex')).toBe('49454e44ae426082');
  expect(decodePng(png).pixel(1, 0)).toEqual([0, 0, 255]);
});
