import { describe, expect, it } from 'vitest';
import { MOMENTS, Waterfall } from './waterfall.js';

describe('waterfall of a turn', () => {
  it('tells each step, and what the caller waited in all', () => {
    const waterfall = new Waterfall(1_000, 700);
    for (const [index, moment] of MOMENTS.slice(2).entries()) waterfall.reached(moment, 1_100 + index * 10);
    waterfall.reached('first_frame', 9_000);
    expect(waterfall.steps()).toEqual({
      speech_to_final: 300,
      final_to_token: 100,
      token_to_sentence: 10,
      sentence_to_audio: 10,
      audio_to_frame: 10,
      final_to_frame: 130,
    });
    expect([...waterfall.moments.keys()].sort()).toEqual([...MOMENTS].sort());
  });

  it('has the steps that a turn came through, where it was cut', () => {
    const waterfall = new Waterfall(1_000);
    waterfall.reached('first_token', 1_050);
    expect(waterfall.steps()).toEqual({ final_to_token: 50 });
  });

  it.each([
    ['after the words', 1_001],
    ['long before them', -20_000],
  ])('leaves out a silence that began %s', (_what, speechEndMs) => {
    expect(new Waterfall(1_000, speechEndMs).moments.has('speech_end')).toBe(false);
  });
});
