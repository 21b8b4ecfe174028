import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { inertServices } from '../../test/support/inert-services.js';
import { localSeal } from '../privacy/seal.js';
import { CallMemory } from './call-memory.js';
import type { TurnArgs } from './call-messages.js';
import type { CallServices } from './call-services.js';
import { Backlog } from './call-services.js';
import { CallTurns, TurnGap } from './call-turns.js';
import { CallWrites } from './call-writes.js';
import { type Journal, JournalFailure } from './ports.js';
import { wholeFields } from './session-fields.js';
import { SessionWriter } from './session-writer.js';

const away = async (): Promise<never> => {
  throw new JournalFailure('unavailable', 'RTV_REDIS_UNAVAILABLE');
};

const journal: Journal = {
  claim: away,
  commit: away,
  write: away,
  restore: away,
  read: away,
  entries: away,
  touch: away,
  setAside: away,
};

/** A call whose session cannot be read: nothing is written, everything waits. */
function provisionalCall(backlog = new Backlog()) {
  const seal = localSeal(randomBytes(32));
  const services: CallServices = {
    ...inertServices(),
    ...{ seal, journal, backlog },
    drop: () => undefined,
    settleLater: () => undefined,
    wakeWhenBack: () => undefined,
    newestDispatch: () => 0,
  };
  const memory = new CallMemory('call', 0);
  memory.letInProvisionally('p1');
  const writer = new SessionWriter('call', journal, memory.ledger, {
    ...{ fenced: () => undefined, doubt: () => undefined, adopt: () => undefined, count: () => undefined },
    fields: () => wholeFields(memory, {}, seal),
    newestDispatch: () => 0,
  });
  return {
    memory,
    turns: new CallTurns(memory, new CallWrites(memory, writer, services), services),
    backlog,
  };
}

const turn = (turnNo: number, text = 'hello', at = { incarnation: 'p1', mediaEpoch: 0 }): TurnArgs => ({
  ...at,
  turnNo,
  offer: { turnId: `t${turnNo}`, role: 'user', text, agent: 'a', startedAtMs: 1, endedAtMs: 2 },
});

describe('turns of a call whose session cannot be read', () => {
  it('are held in order, once each, and answered as not durable', () => {
    const { turns } = provisionalCall();
    expect(turns.hold(turn(1))).toEqual({ ok: true, seq: 0, durable: false, archivedNo: 0 });
    turns.hold(turn(2));
    turns.hold(turn(2));
    expect(turns.waiting).toBe(2);
    expect(() => turns.hold(turn(4))).toThrow(TurnGap);
  });

  it('are refused beyond the bound', () => {
    const { turns } = provisionalCall(
      new Backlog({ bytesPerCall: 10, turnsPerCall: 10, bytesPerWorker: 10 }),
    );
    turns.hold(turn(1, '12345'));
    expect(() => turns.hold(turn(2, '123456'))).toThrow('RTV_BACKLOG_FULL');
    expect(turns.waiting).toBe(1);
  });

  it('join the order once the session was read: without a number, since their attachment is over', () => {
    const { memory, turns } = provisionalCall();
    turns.hold(turn(1, 'one'));
    turns.hold(turn(2, 'two'));
    memory.ledger.openEpoch(1);
    memory.loaded = { incarnation: 'i1' };
    turns.replay();
    expect(turns.holding).toBe(false);
    expect(memory.provisional).toBeUndefined();
    expect(memory.ledger.waiting.map(({ turn: { text, turnNo } }) => [text, turnNo])).toEqual([
      ['one', 0],
      ['two', 0],
    ]);
    expect(memory.context.window.map(({ text }) => text)).toEqual(['one', 'two']);
    // Sent again in a new attachment: known by their ids.
    expect(memory.ledger.knows('t1')).toBe(true);
  });

  it('of another call or epoch are told to attach anew, or that they are fenced', () => {
    const { memory, turns } = provisionalCall();
    memory.loaded = { incarnation: 'i1' };
    memory.ledger.openEpoch(2);
    expect(() => turns.checkMedia('i0', 2)).toThrow('RTV_CALL_UNKNOWN');
    expect(() => turns.checkMedia('i1', 3)).toThrow('RTV_CALL_UNKNOWN');
    expect(() => turns.checkMedia('i1', 1)).toThrow('RTV_FENCED_MEDIA');
    expect(() => turns.checkMedia('i1', 2)).not.toThrow();
  });
});
