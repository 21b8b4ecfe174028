import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AcsFact } from '../acs/facts.js';
import type { ActorClient } from '../actors/client.js';
import type { Answer } from '../actors/ports.js';
import { CallbackQueue } from './callbacks.js';

const fact = (callConnectionId: string, id: number): AcsFact => ({
  id: String(id),
  rawType: 'Microsoft.Communication.PlayStarted',
  type: 'PlayStarted',
  callConnectionId,
});

describe('callbacks on their way to actors', () => {
  it('reach each call whole and in order, however slow and unwilling its actor is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.boolean(), fc.nat(2)), {
          minLength: 1,
          maxLength: 60,
        }),
        async (steps) => {
          const got = new Map<string, string[]>();
          const busy = new Set<string>();
          const fates = steps.map(([, refuse]) => refuse);
          const actors: Pick<ActorClient, 'call'> = {
            async call<T extends object>(_type: string, id: string, _method: string, args: object) {
              expect(busy.has(id)).toBe(false);
              busy.add(id);
              await new Promise((resolve) => setImmediate(resolve));
              busy.delete(id);
              const { facts, signals } = args as { facts: { id: string }[]; signals: { eventId: string }[] };
              expect(signals.map(({ eventId }) => eventId)).toEqual(facts.map((one) => one.id));
              // A call that ended takes no more, and is not asked again.
              if (fates.pop()) return { ok: false, code: 'RTV_CALL_ENDED' } as Answer<T>;
              got.set(id, [...(got.get(id) ?? []), ...facts.map((one) => one.id)]);
              return { ok: true } as Answer<T>;
            },
          };
          const queue = new CallbackQueue(actors, () => expect.fail('dropped'));
          for (const [index, [call, , pause]] of steps.entries()) {
            queue.accept([fact(call, index)], 'correlation');
            for (let turn = 0; turn < pause; turn += 1) await new Promise((resolve) => setImmediate(resolve));
          }
          await queue.idle();
          for (const ids of got.values()) {
            const numbers = ids.map(Number);
            expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
            expect(new Set(numbers).size).toBe(numbers.length);
          }
          if (!steps.some(([, refuse]) => refuse)) {
            expect([...got.values()].flat()).toHaveLength(steps.length);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('are bounded: what is over the bound is dropped and counted', async () => {
    let dropped = 0;
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const actors: Pick<ActorClient, 'call'> = {
      async call<T extends object>() {
        await held;
        return { ok: true } as Answer<T>;
      },
    };
    const queue = new CallbackQueue(actors, (count) => {
      dropped += count;
    });
    queue.accept(
      Array.from({ length: 10_050 }, (_, index) => fact('a', index)),
      'correlation',
    );
    expect(dropped).toBe(50);
    release();
    await queue.idle();
    queue.accept([fact('a', 0)], 'correlation');
    await queue.idle();
    expect(dropped).toBe(50);
  });
});
