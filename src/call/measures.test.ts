import { describe, expect, it } from 'vitest';
import { isTurnMeasures, MOST_STAGES } from './measures.js';
import { isTurnOffer } from './turn.js';

const stages = (n: number) =>
  Object.fromEntries(Array.from({ length: n }, (_, at) => [`stage_${'abcdefghijklmnopqrst'[at]}`, at]));

describe('figures of a turn', () => {
  it('are counts, ms and a mood within its bounds, or nothing', () => {
    for (const good of [
      {},
      { usage: { tokensIn: 0, tokensOut: 12 } },
      { stages: { agent: 1.5, first_audio: 0 }, sentiment: -1 },
      { stages: stages(MOST_STAGES) },
    ]) {
      expect(isTurnMeasures(good)).toBe(true);
    }
    for (const bad of [
      null,
      'fast',
      { usage: {} },
      { usage: { tokensIn: -1, tokensOut: 0 } },
      { usage: { tokensIn: 1.5, tokensOut: 0 } },
      { usage: { tokensIn: 1e12, tokensOut: 0 } },
      { stages: { agent: Number.NaN } },
      { stages: { agent: -1 } },
      // Words have no place in what stands in clear.
      { stages: { 'my name is': 1 } },
      { stages: { agent: 'my name is' } },
      { stages: stages(MOST_STAGES + 1) },
      { sentiment: 1.1 },
      { sentiment: 'glad' },
    ]) {
      expect(isTurnMeasures(bad), JSON.stringify(bad)).toBe(false);
    }
  });

  it('make an offer none that has other ones', () => {
    const offer = { turnId: 't1', role: 'agent', text: 'Yes.', startedAtMs: 1, endedAtMs: 2, agent: 'main' };
    expect(isTurnOffer({ ...offer, measures: { usage: { tokensIn: 1, tokensOut: 2 } } })).toBe(true);
    expect(isTurnOffer({ ...offer, measures: { usage: { tokensIn: '1', tokensOut: 2 } } })).toBe(false);
  });
});
