import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { VoiceLease } from '../media/lease.js';
import { LAPSE_MS, type Registry, Vigil, type VigilHooks } from './vigil.js';

/** Heartbeats of some workers, as a Redis that all of them reach would hold them. */
class FakeRegistry implements Registry {
  readonly beatsOf = new Map<string, string>();
  readonly marks = new Map<string, string>();
  readonly members = new Map<string, string[]>();
  readonly struck: string[] = [];
  readonly #claimedAt = new Map<string, number>();
  away = false;

  async beat(workerId: string, beat: object): Promise<'ok' | 'swept'> {
    this.#reach();
    if (this.marks.has(workerId)) return 'swept';
    this.beatsOf.set(workerId, JSON.stringify(beat));
    return 'ok';
  }
  async enlist(): Promise<void> {}
  async strike(workerId: string): Promise<void> {
    this.struck.push(workerId);
    this.beatsOf.delete(workerId);
  }
  async beats(): Promise<ReadonlyMap<string, string | undefined>> {
    this.#reach();
    return new Map(this.beatsOf);
  }
  async mark(workerId: string, lastBeat: string, sweeper: string): Promise<'mine' | 'taken' | 'alive'> {
    this.#reach();
    const beat = this.beatsOf.get(workerId);
    if (beat !== undefined && beat !== lastBeat) return 'alive';
    const by = this.marks.get(workerId);
    const isClaimed = Date.now() - (this.#claimedAt.get(workerId) ?? 0) < 10_000;
    if (by !== undefined && by !== sweeper && isClaimed) return 'taken';
    this.marks.set(workerId, sweeper);
    this.#claimedAt.set(workerId, Date.now());
    return 'mine';
  }
  async affinity(workerId: string): Promise<string[]> {
    return this.members.get(workerId) ?? [];
  }
  async forgetAffinity(workerId: string): Promise<void> {
    this.members.delete(workerId);
  }
  #reach(): void {
    if (this.away) throw new Error('away');
  }
}

const vigils: Vigil[] = [];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval', 'Date'] });
  vi.spyOn(performance, 'now').mockImplementation(() => Date.now());
});
afterEach(async () => {
  const stopped = Promise.all(vigils.splice(0).map((vigil) => vigil.stop()));
  await vi.advanceTimersByTimeAsync(2_000);
  await stopped;
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

async function watcher(id: string, registry: Registry, hooks: Partial<VigilHooks> = {}) {
  const told: string[] = [];
  const lease = new VoiceLease({ lapseMs: LAPSE_MS, marginMs: 300 });
  const vigil = new Vigil(id, registry, lease, {
    beat: () => ({ url: `http://${id}`, ready: true, calls: 0 }),
    unbrokenSince: () => performance.now() - 60_000,
    orphan: async (member) => {
      told.push(member);
      return true;
    },
    swept: () => `${id}-again`,
    sweeping: () => undefined,
    peersHaveRedis: async () => undefined,
    count: () => undefined,
    ...hooks,
  });
  vigils.push(vigil);
  await vigil.start();
  return { vigil, lease, told };
}

describe('a worker whose beat stands still', () => {
  it('is swept by one of the others, and each of its calls is told once', async () => {
    const registry = new FakeRegistry();
    registry.beatsOf.set('dead', '{"url":"http://dead","number":7}');
    registry.members.set('dead', ['call-1', 'call-2']);
    const all = await Promise.all(['a', 'b', 'c'].map((id) => watcher(id, registry)));
    await pass(LAPSE_MS + 500);
    expect(registry.struck).toEqual(['dead']);
    expect(all.flatMap(({ told }) => told).sort()).toEqual(['call-1', 'call-2']);
    expect(registry.members.has('dead')).toBe(false);
  });

  it('has calls whose actors died with it: they are asked again at once, not after another lapse', async () => {
    const registry = new FakeRegistry();
    registry.beatsOf.set('dead', 'x');
    registry.members.set('dead', ['call-1']);
    const silent: number[] = [];
    await watcher('a', registry, {
      orphan: async (_member, _worker, silentMs) => silent.push(silentMs) > 4,
    });
    await pass(3 * LAPSE_MS);
    expect(registry.struck).toEqual(['dead']);
    expect(silent).toHaveLength(5);
    // Told for how long the worker has been silent, and all within one more lapse.
    expect(silent[0]).toBeGreaterThanOrEqual(LAPSE_MS);
    expect(silent[4]).toBeLessThan(2 * LAPSE_MS);
  });

  it('does not hide another one while its calls cannot be told', async () => {
    const registry = new FakeRegistry();
    registry.beatsOf.set('dead-1', 'x').set('dead-2', 'x');
    registry.members.set('dead-1', ['stuck']).set('dead-2', ['call-2']);
    await watcher('a', registry, { orphan: async (member) => member !== 'stuck' });
    await pass(LAPSE_MS + 500);
    expect(registry.struck).toEqual(['dead-2']);
  });

  it('is left alone by a worker that had no unbroken contact itself', async () => {
    const registry = new FakeRegistry();
    registry.beatsOf.set('dead', 'x');
    let since: number | undefined;
    await watcher('a', registry, { unbrokenSince: () => since });
    await pass(10 * LAPSE_MS);
    expect(registry.marks.size).toBe(0);
    since = performance.now();
    await pass(LAPSE_MS);
    expect(registry.marks.size).toBe(0);
    await pass(2 * LAPSE_MS);
    expect(registry.struck).toEqual(['dead']);
  });
});

describe('a worker that was taken for dead', () => {
  it('loses its lease, drops its calls, and goes on under a new id', async () => {
    const registry = new FakeRegistry();
    let dropped = 0;
    const { vigil, lease } = await watcher('a', registry, {
      swept: () => {
        dropped += 1;
        return 'a-again';
      },
    });
    expect(lease.maySpeak()).toBe(true);
    registry.marks.set('a', 'b');
    await pass(400);
    expect(vigil.id).toBe('a-again');
    expect(lease.maySpeak()).toBe(false);
    expect(dropped).toBe(1);
    await pass(400);
    expect(lease.maySpeak()).toBe(true);
    expect(registry.beatsOf.has('a-again')).toBe(true);
  });
});

describe('what a worker wrote under its old name before it knew that it was taken for dead', () => {
  it('is seen to by the worker itself, once its sweeper is done', async () => {
    const registry = new FakeRegistry();
    const { vigil, told } = await watcher('a', registry);
    await registry.mark('a', registry.beatsOf.get('a') ?? '', 'b');
    await pass(400);
    expect(vigil.id).toBe('a-again');
    registry.members.set('a', ['late']);
    await pass(5_000);
    expect(told).toEqual([]);
    await pass(15_000);
    expect(told).toEqual(['late']);
    expect(registry.members.has('a')).toBe(false);
    // Done for good.
    registry.members.set('a', ['never']);
    await pass(60_000);
    expect(told).toEqual(['late']);
  });
});

describe('without Redis', () => {
  it('a worker falls silent where others have it, and speaks on where nobody has', async () => {
    const registry = new FakeRegistry();
    registry.beatsOf.set('b', '{"url":"http://b","number":1}');
    let others: boolean | undefined = false;
    const { vigil, lease } = await watcher('a', registry, { peersHaveRedis: async () => others });
    await pass(300);
    expect(vigil.others).toBe(1);
    registry.away = true;
    await pass(10 * LAPSE_MS);
    expect(lease.maySpeak()).toBe(true);
    others = true;
    await pass(LAPSE_MS);
    expect(lease.maySpeak()).toBe(false);
  });
});
