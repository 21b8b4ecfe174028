/** What the callers of the recovery benches say. Nobody is real. */
import type { PlaceCall } from '../../src/simulator/core/setup.js';

const THINGS = [
  'The car is blue. It stood in front of the house. The left door is damaged.',
  'The roof leaks since Monday. The water came into the kitchen. The floor is wet.',
  'A tree fell on the fence. Two boards are broken. The gate does not close.',
  'The window has a crack. It is on the second floor. Nobody was at home.',
];
const DIGITS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

/** Short to say, long to read back: the agent speaks most of the time, three sentences and more a reply. */
const reference = (turn: number) => ({
  say: 'My reference number.',
  text: `My reference is ${DIGITS[Math.floor(turn / 10) % 10]} ${DIGITS[turn % 10]}. ${THINGS[turn % THINGS.length]}`,
});

/** A caller to whom the agent reads long replies, one after another. */
export const listener = (turns = 25): PlaceCall => ({
  script: Array.from({ length: turns }, (_, turn) => reference(turn)),
  maxMs: 3_600_000,
});

const SAID = [
  'Hello, I would like to report a claim.',
  'My name is Alice Brown.',
  'Someone hit my car yesterday, in a parking lot.',
  'Nobody was hurt, but the front door is damaged.',
];

/** An even talk: short things said on both sides, each of them only once in a call. */
export const talker = (turns: number): PlaceCall => ({
  script: Array.from({ length: turns }, (_, turn) => {
    const say = SAID[turn % SAID.length] ?? '';
    const round = Math.floor(turn / SAID.length);
    return {
      say,
      text: round === 0 ? say : `${say} Part ${DIGITS[round % 10]} ${DIGITS[Math.floor(round / 10) % 10]}.`,
    };
  }),
  maxMs: 3_600_000,
});

/** What the caller of a script says, in order, as it is transcribed. */
export const textsOf = ({ script }: PlaceCall): string[] =>
  (script as { say: string; text?: string }[]).map(({ say, text }) => text ?? say);
