import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CallerWords } from './caller-words.js';
import { ENDPOINT } from './endpointing.js';
import type { Heard } from './session-services.js';
import { TONES } from './tones.js';

const words = (id: string, text: string, final = true): Heard => ({
  ...{ id, text, final },
  startedAtMs: 1,
  endedAtMs: 2,
});

function caller() {
  const log: string[] = [];
  const one = new CallerWords(
    {},
    {
      said: ({ text }) => log.push(`said ${text}`),
      saying: (text) => log.push(`saying ${text}`),
      pressing: () => log.push('pressing'),
    },
  );
  return { one, log };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

it('words that come twice are taken once, and silence is none', () => {
  const { one, log } = caller();
  one.heard(words('a', 'hello'));
  one.heard(words('a', 'hello'));
  one.heard(words('b', '  '));
  expect(log).toEqual(['said hello']);
});

it('keys are one utterance, said before words that came after them', () => {
  const { one, log } = caller();
  for (const tone of '472') one.tone(tone);
  one.heard(words('a', 'that is all'));
  vi.advanceTimersByTime(TONES.pauseMs);
  expect(log).toEqual(['pressing', 'pressing', 'pressing', 'said 472', 'said that is all']);
});

it('an utterance without a final ends by its pause, and its final makes no second one', () => {
  const { one, log } = caller();
  one.heard(words('a', 'hello there', false));
  vi.advanceTimersByTime(ENDPOINT.pauseMs);
  one.heard(words('b', 'Hello there.'));
  expect(log).toEqual(['saying hello there', 'said hello there']);
});

it('keys are not lost when the call moves', () => {
  const { one, log } = caller();
  one.tone('4');
  one.flush();
  expect(log).toEqual(['pressing', 'said 4']);
});

it('leaves no timer when the call ends', () => {
  const { one, log } = caller();
  one.tone('4');
  one.heard(words('a', 'hello', false));
  one.close();
  vi.advanceTimersByTime(60_000);
  expect(log).toEqual(['pressing', 'saying hello']);
});
