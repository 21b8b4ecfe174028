import { describe, expect, it } from 'vitest';
import type { TurnOffer } from '../call/turn.js';
import type { CallLink } from '../media/ports.js';
import { moodByWords } from '../record/mood.js';
import { linkWithMoods } from './moods.js';

const offer = (role: TurnOffer['role'], text: string): TurnOffer => ({
  ...{ turnId: 't1', role, text, startedAtMs: 1, endedAtMs: 2, agent: 'main' },
  measures: { stages: { agent: 3 } },
});

describe('the line with moods', () => {
  const sent: TurnOffer[] = [];
  const line = {
    turn: async (_callId: string, _at: object, _turnNo: number, taken: TurnOffer) => {
      sent.push(taken);
      return { ok: true, seq: 1, durable: true, archivedNo: 0 };
    },
  } as unknown as CallLink;
  const at = { incarnation: 'i', mediaEpoch: 1 };

  it("adds a figure to the caller's turns, and to no others", async () => {
    const moody = linkWithMoods(line, moodByWords('en-US'));
    for (const one of [offer('user', 'this is terrible'), offer('agent', 'this is terrible')]) {
      await moody.turn('c', at, 1, one);
    }
    expect(sent.map(({ measures }) => measures)).toEqual([
      { stages: { agent: 3 }, sentiment: expect.any(Number) },
      { stages: { agent: 3 } },
    ]);
    expect(sent[0]?.measures?.sentiment).toBeLessThan(0);
  });

  it('adds none where the mood was not assessed', async () => {
    await linkWithMoods(line, moodByWords('fr-FR')).turn('c', at, 1, offer('user', 'terrible'));
    expect(sent.at(-1)?.measures).not.toHaveProperty('sentiment');
  });
});
