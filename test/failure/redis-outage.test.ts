/**
 * Redis taken away while calls talk: no call ends, none repeats a sentence, nothing is lost, order is kept. Few calls
 * and a short time; all kinds, 50 calls and a minute are `npm run bench -- outage`.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answering, outages } from '../support/redis-outages.js';
import { startTestStack, type TestStack } from '../support/stack.js';
import { judgeTalks, talk } from '../support/talk.js';

const OUTAGE_MS = 6_000;
const CALLS = 4;
/** A turn with its reply takes some 7 s: one before the outage, one after it, and those between. */
const TURNS = 3;
const SHOWN = outages.filter(({ name }) => ['killed', 'older'].includes(name));

let system: TestStack;

beforeAll(async () => {
  system = await startTestStack({ workers: 2 });
}, 180_000);

afterAll(async () => {
  await system.remove();
}, 60_000);

describe.each(SHOWN)('Redis, $name', ({ run, provisional }) => {
  it('while calls talk: none ends, none repeats a sentence, nothing is lost, order is kept', async () => {
    const { view } = system;
    const before = await view.metric('rtvoice_turns_provisional_total');
    const lost = await view.metric('rtvoice_turns_lost_total');
    const talks = await talk(view, { calls: CALLS, turns: TURNS, ready: 1 }, async () => {
      await run(system, OUTAGE_MS);
      await answering(system);
    });
    const verdicts = await judgeTalks(view, talks);
    expect(verdicts.flatMap(({ complaints }) => complaints)).toEqual([]);
    expect(await view.metric('rtvoice_turns_lost_total')).toBe(lost);
    if (provisional) expect(await view.metric('rtvoice_turns_provisional_total')).toBeGreaterThan(before);
  });
});
