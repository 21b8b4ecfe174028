/** Who calls, and what they say: drawn from a seed. No caller says a thing twice, so that each can be found again. Pure. */
import type { PlaceCall } from '../../src/simulator/core/setup.js';
import { Chance } from '../../src/simulator/random.js';

/** Few, so that their sound is made once; short, so that a call of several turns lasts some seconds. */
const PHRASES = [
  'I want to report a claim.',
  'My name is Alice Brown.',
  'It happened yesterday.',
  'Nobody was hurt.',
  'The door is damaged.',
  'It was a blue car.',
  'I was parking.',
  'There was a witness.',
  'The police came.',
  'It was raining.',
  'I took some pictures.',
  'The window is broken.',
  'I was alone.',
  'He drove away.',
  'It was about noon.',
  'On the main road.',
  'I need a new car.',
  'Please send a letter.',
  'I have moved since.',
  'That is my old number.',
  'The car still drives.',
  'It was my fault.',
  'I am not sure.',
  'Could you repeat that?',
] as const;

const ON_BREAK = ['silent', 'active', 'stopped', 'failed', 'reconnect'] as const;
/** Some talk for so long that reminders fire during their call. */
const LONG_SHARE = 0.05;
const HANGS_UP_SHARE = 0.15;
const IMPATIENT_SHARE = 0.5;
const BARGES_IN_SHARE = 0.1;

/** The n-th caller of a seed. */
export function callerOf(seed: number, number: number): PlaceCall {
  const chance = new Chance(seed).fork('caller', number);
  const long = chance.hits(LONG_SHARE, 'long');
  const count = Math.floor(long ? chance.between(6, 12, 'lines') : chance.between(1, 4, 'lines'));
  const impatient = chance.hits(IMPATIENT_SHARE, 'impatient');
  const script = phrases(chance, count).map((say, index) => {
    if (long) return { say, waitMs: Math.round(chance.between(2_000, 8_000, 'pause', index)) };
    if (chance.hits(BARGES_IN_SHARE, 'barges', index)) return { say, bargeInAfterMs: 700 };
    // Does not wait for the agent, whose reply goes on below the caller's next words.
    if (impatient)
      return { say, listen: false, waitMs: Math.round(chance.between(300, 1_800, 'pause', index)) };
    return { say };
  });
  const hangUp = chance.hits(HANGS_UP_SHARE, 'hangs up')
    ? [`hangUp@${Math.round(chance.between(500, 14_000, 'hang up'))}`]
    : [];
  const onBreak = ON_BREAK[Math.floor(chance.between(0, ON_BREAK.length, 'break'))] ?? 'silent';
  return {
    script,
    seed: chance.seed,
    from: `+1555010${String(number % 100).padStart(2, '0')}`,
    faults: [`onBreak=${onBreak}`, 'duplicate=0.05', 'reorder=0.05', 'drop=0.01', ...hangUp].join(','),
    patienceMs: 6_000,
    agentSilenceMs: 500,
    maxMs: long ? 180_000 : 90_000,
  };
}

function phrases(chance: Chance, count: number): string[] {
  return PHRASES.map((say, index) => ({ say, place: chance.unit('phrase', index) }))
    .sort((a, b) => a.place - b.place)
    .slice(0, count)
    .map(({ say }) => say);
}
