import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RtvoiceError } from '../errors.js';
import { HealthGap } from './health-gap.js';
import { ActorHost, type Instance, type Method } from './host.js';

class Counter implements Instance {
  stale = false;
  disposed = 0;
  running = 0;
  most = 0;
  readonly done: number[] = [];

  constructor(readonly id: string) {}

  dispose(): void {
    this.disposed += 1;
  }
}

const methods: Record<string, Method<Counter>> = {
  work: async (counter, args) => {
    const { number, ticks } = args as { number: number; ticks: number };
    counter.running += 1;
    counter.most = Math.max(counter.most, counter.running);
    for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
    counter.running -= 1;
    counter.done.push(number);
    return { ok: true, number };
  },
  fail: async () => {
    throw new Error('broken');
  },
  refuse: async () => {
    throw new RtvoiceError('RTV_CALL_ENDED');
  },
  order: async (_counter, _args, dispatch) => ({ ok: true, number: dispatch.number }),
};

function rig(mayServe?: () => boolean) {
  const made: Counter[] = [];
  const errors: string[] = [];
  const host = new ActorHost<Counter>(
    'Counter',
    (id) => {
      const counter = new Counter(id);
      made.push(counter);
      return counter;
    },
    methods,
    { error: (_fields, message) => errors.push(message), warn: () => undefined },
    mayServe,
  );
  return { host, made, errors };
}

describe('rule 7: one method at a time', () => {
  it('runs the methods of an instance one after the other, in the order they came', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 20 }), { minLength: 2, maxLength: 20 }), async (list) => {
        const { host, made } = rig();
        await Promise.all(list.map((ticks, number) => host.dispatch('a', 'work', { number, ticks })));
        expect(made[0]?.most).toBe(1);
        expect(made[0]?.done).toEqual(list.map((_, number) => number));
      }),
    );
  });

  it('lets another instance run meanwhile', async () => {
    const { host, made } = rig();
    const slow = host.dispatch('a', 'work', { number: 1, ticks: 50 });
    await host.dispatch('b', 'work', { number: 2, ticks: 1 });
    expect(made.find(({ id }) => id === 'a')?.done).toEqual([]);
    await slow;
  });

  it('answers with an envelope whatever a method throws, and goes on', async () => {
    const { host, errors } = rig();
    expect(await host.dispatch('a', 'fail', {})).toEqual({ ok: false, code: 'RTV_ACTOR_FAILED' });
    expect(await host.dispatch('a', 'refuse', {})).toEqual({ ok: false, code: 'RTV_CALL_ENDED' });
    expect(await host.dispatch('a', 'none', {})).toEqual({ ok: false, code: 'RTV_NOT_FOUND' });
    expect(await host.dispatch('a', 'work', { number: 1, ticks: 0 })).toMatchObject({ ok: true });
    expect(errors).toEqual(['actor method failed']);
  });

  it('does not let a dropped instance answer, nor what waited for it', async () => {
    const { host, made } = rig();
    const running = host.dispatch('a', 'work', { number: 1, ticks: 20 });
    const waiting = host.dispatch('a', 'work', { number: 2, ticks: 0 });
    await Promise.resolve();
    host.drop('a');
    const fenced = { ok: false, code: 'RTV_FENCED_OWNER' };
    expect(await running).toEqual(fenced);
    expect(await waiting).toEqual(fenced);
    expect(made[0]).toMatchObject({ stale: true, disposed: 1, done: [1] });
    expect(await host.dispatch('a', 'work', { number: 3, ticks: 0 })).toMatchObject({ ok: true });
    expect(made[1]?.done).toEqual([3]);
  });

  it('drops only the instance that is meant', async () => {
    const { host, made } = rig();
    await host.dispatch('a', 'work', { number: 1, ticks: 0 });
    const [first] = made;
    host.drop('a');
    await host.dispatch('a', 'work', { number: 2, ticks: 0 });
    host.drop('a', first);
    expect(host.size).toBe(1);
    expect(first?.disposed).toBe(1);
  });

  it('numbers the calls that were routed here, over all instances', async () => {
    const { host } = rig();
    await host.dispatch('a', 'order', {});
    expect(await host.dispatch('b', 'order', {})).toEqual({ ok: true, number: 2 });
    expect(host.newestDispatch).toBe(2);
    expect(await host.local('c', 'x', async () => ({ ok: true }))).toBeUndefined();
  });
});

describe('rule 7: a worker that was held back', () => {
  function held(options: { standstillMs?: number; probeGapMs?: number } = {}) {
    let now = 0;
    const dropped: string[] = [];
    const gap: HealthGap = new HealthGap({
      now: () => now,
      dropAll: (why) => {
        dropped.push(why);
        host.dropAll();
      },
      ...options,
    });
    const { host, made } = rig(() => gap.beat());
    return {
      host,
      made,
      gap,
      dropped,
      pass: (ms: number) => {
        now += ms;
      },
    };
  }

  it('serves nothing from memory of before a standstill, and nothing that waited in its sockets', async () => {
    const { host, made, gap, dropped, pass } = held();
    await host.dispatch('a', 'work', { number: 1, ticks: 0 });
    pass(1_600);
    expect(await host.dispatch('a', 'work', { number: 2, ticks: 0 })).toEqual({
      ok: false,
      code: 'RTV_FENCED_OWNER',
    });
    gap.probed();
    expect(await host.dispatch('a', 'work', { number: 3, ticks: 0 })).toMatchObject({ ok: false });
    pass(300);
    gap.probed();
    expect(await host.dispatch('a', 'work', { number: 4, ticks: 0 })).toMatchObject({ ok: true });
    expect(dropped).toEqual(['standstill']);
    expect(made.map(({ done }) => done)).toEqual([[1], [4]]);
  });

  it('drops all instances when probes stopped for a while, however lively the process was', async () => {
    const { host, made, gap, dropped, pass } = held();
    gap.probed();
    await host.dispatch('a', 'work', { number: 1, ticks: 0 });
    for (let at = 0; at < 4; at += 1) {
      pass(1_000);
      gap.beat();
    }
    gap.probed();
    expect(dropped).toEqual(['probe_gap']);
    await host.dispatch('a', 'work', { number: 2, ticks: 0 });
    expect(made).toHaveLength(2);
  });

  it('keeps its instances through the pauses of a busy machine', () => {
    const { gap, dropped, pass } = held();
    for (let at = 0; at < 20; at += 1) {
      pass(1_200);
      gap.beat();
      gap.probed();
    }
    expect(dropped).toEqual([]);
  });
});
