import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TurnAnswer } from '../actors/call-messages.js';
import type { Answer } from '../actors/ports.js';
import { TurnLedger } from '../call/ledger.js';
import type { TurnOffer } from '../call/turn.js';
import { type SenderHooks, TurnSender } from './turn-sender.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

const offer = (turnId: string): TurnOffer => ({
  turnId,
  role: 'user',
  text: turnId,
  agent: '',
  startedAtMs: 0,
  endedAtMs: 0,
});

const ok = (durable: boolean, archivedNo = 0): Answer<TurnAnswer> => ({
  ok: true,
  seq: 1,
  durable,
  archivedNo,
});
const no = (
  code: 'RTV_TURN_GAP' | 'RTV_CALL_UNKNOWN' | 'RTV_TURN_INVALID',
  expected?: number,
): Answer<TurnAnswer> => (expected === undefined ? { ok: false, code } : { ok: false, code, expected });

function rig(send: SenderHooks['send'], over: Partial<SenderHooks> = {}) {
  const lost: string[] = [];
  const sender: TurnSender = new TurnSender({
    send,
    reattach: async () => {
      sender.renumber();
      return true;
    },
    fenced: () => undefined,
    answered: () => undefined,
    lost: (reason) => lost.push(reason),
    ...over,
  });
  return { sender, lost };
}

/** An actor as its rules say, with the losses that its owner and Redis may suffer. */
class ModelActor {
  /** In Redis: ids in order. */
  journal: string[] = [];
  archived = 0;
  #waiting: string[] = [];
  #numbers: string[] = [];
  #epoch = 0;
  #known = true;
  away = false;

  attach(previous = 0): number {
    this.#epoch = Math.max(this.#epoch, previous) + 1;
    this.#numbers = [];
    this.#known = true;
    return this.#epoch;
  }

  turn(epoch: number, turnNo: number, id: string): Answer<TurnAnswer> {
    if (!this.#known || epoch > this.#epoch) return no('RTV_CALL_UNKNOWN');
    const expected = this.#numbers.length + 1;
    if (turnNo > expected) return no('RTV_TURN_GAP', expected);
    const has = this.journal.includes(id) || this.#waiting.includes(id);
    if (turnNo < expected && this.#numbers[turnNo - 1] !== id && !has) return no('RTV_CALL_UNKNOWN');
    if (turnNo === expected) {
      this.#numbers.push(id);
      if (!has) this.#waiting.push(id);
    }
    if (!this.away) this.journal.push(...this.#waiting.splice(0));
    let archivedNo = 0;
    while (this.journal.slice(0, this.archived).includes(this.#numbers[archivedNo] ?? '')) archivedNo += 1;
    return ok(this.journal.includes(id), archivedNo);
  }

  /** The host dies: what waits is gone; numbers are those of the journal, less what it does not say. */
  die(forgets: number): void {
    this.#numbers = this.#numbers.filter((id) => this.journal.includes(id));
    this.#numbers.length = Math.max(0, this.#numbers.length - forgets);
    this.#waiting = [];
  }

  /** Redis goes back in time and the owner is gone: what Cosmos has stays. */
  goBack(by: number): void {
    this.journal.length = Math.max(this.archived, this.journal.length - by);
    this.die(by);
    this.#epoch = Math.max(0, this.#epoch - (by % 2));
  }

  vanish(): void {
    this.journal.length = this.archived;
    this.#known = false;
    this.#waiting = [];
  }
}

const event = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'say' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat({ max: 3_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('away' as const), away: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('die' as const), forgets: fc.nat({ max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('goBack' as const), by: fc.nat({ max: 3 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'vanish' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('archive' as const), count: fc.nat({ max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('lose' as const), reply: fc.boolean() }) },
);

describe('rule 5: the media worker numbers its turns', () => {
  it('brings each turn to the actor once and in order, whatever the actor loses', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
        const actor = new ModelActor();
        let epoch = actor.attach();
        let loseNext: 'request' | 'reply' | undefined;
        let said = 0;
        const { sender } = rig(
          async (turnNo, { turnId }) => {
            await Promise.resolve();
            const fault = loseNext;
            loseNext = undefined;
            if (fault === 'request') return { ok: false, code: 'RTV_ACTOR_UNREACHABLE' };
            const answer = actor.turn(epoch, turnNo, turnId);
            return fault ? { ok: false, code: 'RTV_ACTOR_DEADLINE' } : answer;
          },
          {
            reattach: async () => {
              epoch = actor.attach(epoch);
              sender.renumber();
              return true;
            },
          },
        );
        for (const happens of events) {
          if (happens.kind === 'say') {
            said += 1;
            void sender.offer(offer(`t${said}`));
          } else if (happens.kind === 'pass') await vi.advanceTimersByTimeAsync(happens.ms);
          else if (happens.kind === 'away') actor.away = happens.away;
          else if (happens.kind === 'die') actor.die(happens.forgets);
          else if (happens.kind === 'goBack') actor.goBack(happens.by);
          else if (happens.kind === 'vanish') actor.vanish();
          else if (happens.kind === 'archive')
            actor.archived = Math.min(actor.journal.length, actor.archived + happens.count);
          else loseNext = happens.reply ? 'reply' : 'request';
        }
        actor.away = false;
        await vi.advanceTimersByTimeAsync(20_000);
        expect(actor.journal).toEqual(Array.from({ length: said }, (_, at) => `t${at + 1}`));
        actor.archived = said;
        await vi.advanceTimersByTimeAsync(6_000);
        expect(sender.held).toEqual([]);
        sender.abandon('end');
      }),
      { numRuns: 300 },
    );
  });

  it('has one turn in flight', async () => {
    let flying = 0;
    let most = 0;
    const { sender } = rig(async () => {
      flying += 1;
      most = Math.max(most, flying);
      await new Promise((resolve) => setTimeout(resolve, 10));
      flying -= 1;
      return ok(true);
    });
    const all = Promise.all(['a', 'b', 'c'].map((id) => sender.offer(offer(id))));
    await vi.advanceTimersByTimeAsync(100);
    expect(await all).toEqual([true, true, true]);
    expect(most).toBe(1);
    sender.abandon('end');
  });

  it('sends again what the actor lost, from the number that it expects', async () => {
    const ledger = new TurnLedger();
    const sent: string[] = [];
    let lost = false;
    const { sender } = rig(async (turnNo, { turnId }) => {
      sent.push(`${turnNo}${turnId}`);
      if (lost && turnNo > 2) {
        lost = false;
        return no('RTV_TURN_GAP', 2);
      }
      return ok(ledger.numbering(turnNo, turnId).kind !== 'other');
    });
    for (const id of ['a', 'b']) void sender.offer(offer(id));
    await vi.advanceTimersByTimeAsync(0);
    lost = true;
    void sender.offer(offer('c'));
    await vi.advanceTimersByTimeAsync(0);
    expect(sent).toEqual(['1a', '2b', '3c', '2b', '3c']);
    sender.abandon('end');
  });

  it('attaches anew when it is asked for turns that it was told to forget', async () => {
    let expected = 0;
    const sent: string[] = [];
    const { sender } = rig(async (turnNo, { turnId }) => {
      sent.push(`${turnNo}${turnId}`);
      if (turnNo > 1 && expected > 0) {
        expected = 0;
        return no('RTV_TURN_GAP', 1);
      }
      return ok(true, turnId === 'a' ? 1 : 0);
    });
    void sender.offer(offer('a'));
    await vi.advanceTimersByTimeAsync(0);
    expected = 1;
    void sender.offer(offer('b'));
    await vi.advanceTimersByTimeAsync(0);
    expect(sent).toEqual(['1a', '2b', '1b']);
    sender.abandon('end');
  });

  it('loses a turn that the actor cannot take, and no other', async () => {
    const taken: string[] = [];
    const { sender, lost } = rig(async (turnNo, { turnId }) => {
      if (turnId === 'bad') return no('RTV_TURN_INVALID');
      taken.push(`${turnNo}${turnId}`);
      return ok(true);
    });
    const answers = Promise.all(['a', 'bad', 'b'].map((id) => sender.offer(offer(id))));
    await vi.advanceTimersByTimeAsync(0);
    expect(await answers).toEqual([true, false, true]);
    expect([taken, lost]).toEqual([['1a', '2b'], ['RTV_TURN_INVALID']]);
    sender.abandon('end');
  });

  it('does not run an actor hot that does not know what it gave', async () => {
    let sent = 0;
    const { sender } = rig(async () => {
      sent += 1;
      return no('RTV_CALL_UNKNOWN');
    });
    void sender.offer(offer('a'));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toBeLessThan(40);
    sender.abandon('end');
  });

  it('gives up the oldest turns when it holds too many, and counts them', async () => {
    const { sender, lost } = rig(() => new Promise(() => undefined));
    for (let at = 0; at < 2_050; at += 1) void sender.offer(offer(`t${at}`));
    await vi.advanceTimersByTimeAsync(0);
    expect([sender.held.length, sender.held[0], lost]).toEqual([2_048, 't2', ['bound', 'bound']]);
    sender.abandon('end');
  });

  it('is answered false when patience ends, and the turn is sent all the same', async () => {
    let answer: (value: Answer<TurnAnswer>) => void = () => undefined;
    const { sender } = rig(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const offered = sender.offer(offer('a'));
    await vi.advanceTimersByTimeAsync(1_001);
    expect(await offered).toBe(false);
    answer(ok(true, 1));
    await vi.advanceTimersByTimeAsync(0);
    expect(sender.held).toEqual([]);
    sender.abandon('end');
  });

  it('asks after all it holds before it closes, and takes nothing afterwards', async () => {
    const sent: number[] = [];
    const { sender, lost } = rig(async (turnNo) => {
      sent.push(turnNo);
      return ok(true);
    });
    for (const id of ['a', 'b']) void sender.offer(offer(id));
    await vi.advanceTimersByTimeAsync(0);
    const closed = sender.close(4_000);
    await vi.advanceTimersByTimeAsync(100);
    await closed;
    expect(sent).toEqual([1, 2, 2]);
    expect(await sender.offer(offer('late'))).toBe(false);
    expect(lost).toEqual(['closed']);
  });

  it('waits at its end for turns that are not durable, within its deadline', async () => {
    let durable = false;
    const { sender, lost } = rig(async () => ok(durable));
    void sender.offer(offer('a'));
    await vi.advanceTimersByTimeAsync(0);
    const closed = sender.close(4_000);
    await vi.advanceTimersByTimeAsync(1_500);
    durable = true;
    await vi.advanceTimersByTimeAsync(2_000);
    await closed;
    expect(lost).toEqual([]);
  });
});
