import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Inbox } from './inbox.js';

describe('Inbox', () => {
  it('admits each id once while it remembers it, and remembers the newest', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 30 }), { maxLength: 200 }), (ids) => {
        const inbox = new Inbox(8);
        const admitted: number[] = [];
        for (const id of ids) {
          const fresh = inbox.admit({ id: String(id) });
          expect(fresh).toBe(!admitted.slice(-8).includes(id));
          if (fresh) admitted.push(id);
        }
      }),
    );
  });
});
