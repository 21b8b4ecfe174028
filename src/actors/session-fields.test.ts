import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { localSeal } from '../privacy/seal.js';
import { CallMemory } from './call-memory.js';
import { openSaying, readSessionData, sessionData, wholeFields } from './session-fields.js';

const seal = localSeal(randomBytes(32));

function talking(): CallMemory {
  const memory = new CallMemory('call-1', 1_000);
  memory.learn({ correlationId: 'c1', subjectId: 's1' });
  memory.mediaWorker = 'worker-1';
  memory.workerUrl = 'http://127.0.0.1:1';
  memory.saying = { turnId: 't1', sentences: ['Good morning.'] };
  memory.ledger.openEpoch(3);
  return memory;
}

describe('the fields of a session', () => {
  it('are read again as they were written', () => {
    const memory = talking();
    const fields = wholeFields(memory, {}, seal);
    expect(fields).toMatchObject({ mediaEpoch: 3, mediaWorker: 'worker-1', archivedThrough: 0 });
    expect(readSessionData(fields.data)).toEqual({
      state: memory.state,
      origin: memory.origin,
      workerUrl: 'http://127.0.0.1:1',
    });
    expect(openSaying(seal, 'call-1', fields.saying)).toEqual(memory.saying);
  });

  it('hold no spoken word in clear, and none that another call could open', () => {
    const { data, saying } = wholeFields(talking(), {}, seal);
    expect(`${data}${saying}`).not.toContain('morning');
    expect(openSaying(seal, 'call-2', saying)).toBe('unreadable');
    expect(openSaying(seal, 'call-1', '')).toBeUndefined();
  });

  it('know a call of which nothing is known yet', () => {
    expect(readSessionData(sessionData(new CallMemory('call-1', 0))).origin).toEqual({ correlationId: '' });
  });
});

describe('the origin of a call', () => {
  it('adds up in any order; what is known first stays', () => {
    const memory = new CallMemory('call-1', 0);
    memory.learn({ correlationId: '' });
    expect(memory.originLearnt).toBe(false);
    memory.learn({ correlationId: '', traceparent: 'trace-1' });
    memory.learn({ correlationId: 'c1', traceparent: 'trace-2', subjectId: 's1' });
    memory.learn({ correlationId: 'c2' });
    expect(memory.origin).toEqual({ correlationId: 'c1', traceparent: 'trace-1', subjectId: 's1' });
    expect(memory.originLearnt).toBe(true);
  });
});
