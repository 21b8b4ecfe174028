import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bench, describeMachine, figure, percentile, series, toJson, toTable } from './frame.js';
import { parseOptions, takeOnly, UsageError } from './load.js';

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

describe('percentile', () => {
  it.each([
    [[15, 20, 35, 40, 50], 5, 15],
    [[15, 20, 35, 40, 50], 30, 20],
    [[15, 20, 35, 40, 50], 40, 20],
    [[15, 20, 35, 40, 50], 50, 35],
    [[15, 20, 35, 40, 50], 100, 50],
    [[7], 1, 7],
    [upTo(100), 99, 99],
    [upTo(100), 95, 95],
    [upTo(300), 99, 297],
    [upTo(1000), 99.9, 999],
    [upTo(10), 99, 10],
  ])('nearest rank of %j at %d %% is %d', (sorted, p, expected) => {
    expect(percentile(sorted, p)).toBe(expected);
  });

  it('is the least measured value that covers p percent', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 100 }),
        (samples, p) => {
          const sorted = [...samples].sort((a, b) => a - b);
          const value = percentile(sorted, p);
          const covered = (limit: number): number => sorted.filter((sample) => sample <= limit).length * 100;
          expect(sorted).toContain(value);
          expect(covered(value)).toBeGreaterThanOrEqual(p * sorted.length);
          expect(covered(value - 1)).toBeLessThan(p * sorted.length);
        },
      ),
    );
  });

  it('refuses what has no percentile', () => {
    expect(() => percentile([], 50)).toThrow(RangeError);
    expect(() => percentile([1], 0)).toThrow(RangeError);
    expect(() => percentile([1], 101)).toThrow(RangeError);
  });
});

describe('rows', () => {
  it('sorts by number and leaves the samples as they were', () => {
    const samples = [100, 9, 80];
    expect(series('a', 'ms', samples)).toEqual({
      name: 'a',
      unit: 'ms',
      n: 3,
      p50: 80,
      p95: 100,
      p99: 100,
      max: 100,
    });
    expect(samples).toEqual([100, 9, 80]);
  });

  it('refuses samples that are none', () => {
    expect(() => series('a', 'ms', [])).toThrow(/no samples/);
    expect(() => series('a', 'ms', [1, Number.NaN])).toThrow(/NaN/);
    expect(() => figure('a', 'ms', Number.POSITIVE_INFINITY)).toThrow(/Infinity/);
  });
});

describe('output', () => {
  const report = {
    bench: 'probe',
    machine: describeMachine(),
    config: { calls: 300, real: true },
    rows: [series('turn_commit', 'ms', [1.23456789, 2]), figure('rate', 'calls/s', 12.5)],
    notMeasured: ['the network'],
  };

  it('as JSON has just the documented members, on one line', () => {
    const text = toJson(report);
    expect(text).not.toContain('\n');
    expect(JSON.parse(text)).toEqual({
      bench: 'probe',
      machine: {
        cores: expect.any(Number),
        model: expect.any(String),
        memoryMiB: expect.any(Number),
        os: expect.any(String),
        node: process.versions.node,
        loadavg: [expect.any(Number), expect.any(Number), expect.any(Number)],
      },
      config: { calls: 300, real: true },
      rows: [
        { name: 'turn_commit', unit: 'ms', n: 2, p50: 1.23457, p95: 2, p99: 2, max: 2 },
        { name: 'rate', unit: 'calls/s', value: 12.5 },
      ],
      notMeasured: ['the network'],
    });
    expect(Object.keys(JSON.parse(text))).toEqual(['bench', 'machine', 'config', 'rows', 'notMeasured']);
  });

  it('as a table shows each figure under its head', () => {
    const lines = toTable(report).split('\n');
    const head = lines.findIndex((line) => line.includes('p50'));
    expect(lines[head]?.trim().split(/\s+/)).toEqual(['unit', 'n', 'p50', 'p95', 'p99', 'max']);
    expect(lines[head + 1]?.split(/\s+/)).toEqual(['turn_commit', 'ms', '2', '1.23457', '2', '2', '2']);
    expect(lines[head + 2]?.split(/\s+/)).toEqual(['rate', 'calls/s', '12.5']);
    expect(lines).toContain('- the network');
  });
});

describe('takeOnly', () => {
  const bench: Bench = {
    name: 'probe',
    description: 'a probe',
    parts: ['first', 'second', 'third'],
    run: () => Promise.reject(new Error('not run here')),
  };

  it('gives all parts, or those asked for, and leaves the other words', () => {
    expect(takeOnly(bench, ['--calls', '5'])).toEqual({
      only: new Set(['first', 'second', 'third']),
      rest: ['--calls', '5'],
    });
    expect(takeOnly(bench, ['--only', 'third,first', '--calls', '5'])).toEqual({
      only: new Set(['third', 'first']),
      rest: ['--calls', '5'],
    });
    expect(takeOnly(bench, ['--only=second'])).toEqual({ only: new Set(['second']), rest: [] });
  });

  it.each([[['--only', 'fourth']], [['--only']], [['--only=']]])('refuses %j', (argv) => {
    expect(() => takeOnly(bench, argv)).toThrow(UsageError);
  });
});

describe('parseOptions', () => {
  const bench: Bench = {
    name: 'probe',
    description: 'a probe',
    options: {
      calls: { default: 300, help: 'calls to place' },
      seed: { default: 1, help: 'of the callers' },
    },
    run: () => Promise.reject(new Error('not run here')),
  };

  it.each([
    [[], { calls: 300, seed: 1 }],
    [['--calls', '5'], { calls: 5, seed: 1 }],
    [['--seed=7', '--calls=0'], { calls: 0, seed: 7 }],
  ])('%j', (argv, options) => {
    expect(parseOptions(bench, argv)).toEqual(options);
  });

  it.each([[['--call', '5']], [['5']], [['--calls']], [['--calls', 'many']], [['--calls=']]])(
    'refuses %j',
    (argv) => {
      expect(() => parseOptions(bench, argv)).toThrow(UsageError);
    },
  );
});
