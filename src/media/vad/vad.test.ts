import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Downsampler } from './downsample.js';
import { EnergyGate } from './gate.js';
import { DEFAULT_SETTINGS } from './settings.js';
import { SpeechState, WINDOW_MS } from './speech-state.js';

const feed = (gate: EnergyGate, levels: number[], speaking = false): boolean[] =>
  levels.map((level) => gate.update(level, speaking));
const steady = (db: number, frames: number, spread = 0): number[] =>
  Array.from({ length: frames }, (_, i) => db + (i % 2 === 0 ? spread : -spread));

describe('EnergyGate', () => {
  it('stays shut on steady noise of any level and opens at once on what stands out', () => {
    for (const level of [-70, -55, -40, -25]) {
      const gate = new EnergyGate(DEFAULT_SETTINGS);
      expect(feed(gate, steady(level, 200, 0.5))).not.toContain(true);
      expect(gate.update(Math.max(level + 12, -50), false)).toBe(true);
    }
  });

  it('asks more of a sound where the noise goes up and down', () => {
    const [hiss, voices] = [new EnergyGate(DEFAULT_SETTINGS), new EnergyGate(DEFAULT_SETTINGS)];
    feed(hiss, steady(-45, 500, 0.4));
    feed(voices, steady(-45, 500, 3));
    expect(hiss.standsOut(-40)).toBe(true);
    expect(voices.standsOut(-40)).toBe(false);
    expect(voices.standsOut(-32)).toBe(true);
  });

  it('follows louder noise within seconds, but not a sentence', () => {
    const gate = new EnergyGate(DEFAULT_SETTINGS);
    feed(gate, steady(-60, 100));
    expect(feed(gate, steady(-45, 500)).at(-1)).toBe(false);
    const before = gate.floorDb;
    feed(gate, steady(-20, 250), true);
    expect(gate.floorDb - before).toBeLessThan(3);
  });
});

describe('SpeechState', () => {
  const run = (probabilities: number[]) => {
    const state = new SpeechState(DEFAULT_SETTINGS);
    return probabilities.flatMap((p, i) => {
      const change = state.update(p, i * WINDOW_MS);
      return change ? [{ ...change, decided: i }] : [];
    });
  };

  it('starts at the first of two likely windows, or at one that is certain', () => {
    expect(run([0, 0.5, 0.5])).toEqual([{ kind: 'start', atMs: 32, decided: 2 }]);
    expect(run([0, 0.95])).toEqual([{ kind: 'start', atMs: 32, decided: 1 }]);
    expect(run([0.5, 0, 0.5, 0])).toEqual([]);
  });

  it('bridges short pauses, and ends where speech ended', () => {
    const pause = Array<number>(8).fill(0);
    const silence = Array<number>(13).fill(0);
    const changes = run([0.95, ...pause, 0.9, ...silence]);
    expect(changes.map(({ kind, atMs }) => [kind, atMs])).toEqual([
      ['start', 0],
      ['end', 10 * WINDOW_MS],
    ]);
  });

  it('alternates start and end in the order of time, whatever the model says', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 300 }), (list) => {
        const changes = run(list);
        changes.forEach((change, i) => {
          expect(change.kind).toBe(i % 2 === 0 ? 'start' : 'end');
          expect(change.atMs).toBeGreaterThanOrEqual(changes[i - 1]?.atMs ?? 0);
          expect(change.atMs).toBeLessThanOrEqual((change.decided + 1) * WINDOW_MS);
        });
      }),
    );
  });

  it('ends what a broken stream had begun, once', () => {
    const state = new SpeechState(DEFAULT_SETTINGS);
    state.update(0.95, 0);
    expect(state.interrupt()).toEqual({ kind: 'end', atMs: WINDOW_MS });
    expect(state.interrupt()).toBeUndefined();
  });
});

describe('Downsampler', () => {
  const tone = (hz: number, rate: number, samples: number): Float32Array =>
    Float32Array.from({ length: samples }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / rate));
  const convert = (hz: number): Float32Array => {
    const source = tone(hz, 24000, 4800);
    const pcm = Buffer.alloc(9600);
    source.forEach((sample, i) => {
      pcm.writeInt16LE(Math.round(sample * 32767), i * 2);
    });
    const downsampler = new Downsampler();
    const out = new Float32Array(3200);
    for (let n = 0; n < 10; n++) downsampler.convert(pcm.subarray(n * 960, n * 960 + 960), out, n * 320);
    return out.subarray(320);
  };
  const level = (samples: Float32Array): number =>
    10 * Math.log10(samples.reduce((sum, s) => sum + s * s, 0) / samples.length);

  it('keeps what speech is made of, across frames, and drops what would fold back', () => {
    for (const hz of [200, 1000, 4000]) expect(level(convert(hz))).toBeCloseTo(-9.03, 0);
    expect(level(convert(11000))).toBeLessThan(-45);
    const smooth = convert(440);
    const jumps = smooth.slice(1).map((sample, i) => Math.abs(sample - (smooth[i] ?? 0)));
    expect(Math.max(...jumps)).toBeLessThan(0.1);
  });
});
