import { expect, it } from 'vitest';
import { TurnRing } from './turn-ring.js';

it('the ring of turns keeps the newest, newest first, of all calls or of one', () => {
  const ring = new TurnRing(3);
  for (let turn = 1; turn <= 5; turn += 1)
    ring.add({ callId: `c${turn % 2}`, turnId: `t${turn}`, steps: { final_to_frame: turn } }, turn);
  expect(ring.newest(10).map(({ turnId }) => turnId)).toEqual(['t5', 't4', 't3']);
  expect(ring.newest(1)).toEqual([{ callId: 'c1', turnId: 't5', steps: { final_to_frame: 5 }, atMs: 5 }]);
  expect(ring.newest(10, 'c0').map(({ turnId }) => turnId)).toEqual(['t4']);
});
