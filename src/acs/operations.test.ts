import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AcsFact, type AcsFactType, PLAIN_FACT_TYPES } from './facts.js';
import { OPERATION_KINDS, OPERATION_RULES, type OperationKind } from './operation-rules.js';
import {
  advance,
  ENDED_GRACE_MS,
  emptyLedger,
  type LedgerInput,
  MAX_OPEN,
  MAX_SETTLED,
  nextDeadline,
  type OperationLedger,
  type Outcome,
  type StartOperation,
  startOperation,
} from './operations.js';

const T0 = 1_700_000_000_000;

function fact(type: AcsFactType, operationContext?: string, more: object = {}): AcsFact {
  const base = { id: 'e', rawType: type, callConnectionId: 'call-1', type, ...more };
  return (operationContext ? { ...base, operationContext } : base) as AcsFact;
}

function begin(
  start: Partial<StartOperation> & { kind: OperationKind },
  from = emptyLedger,
): OperationLedger {
  const started = startOperation(from, { id: 'op-1', nowMs: T0, ...start });
  if (!started.ok) throw new Error(started.reason);
  return started.ledger;
}

const occur = (ledger: OperationLedger, one: AcsFact, nowMs = T0 + 10) =>
  advance(ledger, { kind: 'fact', fact: one }, nowMs);
const accept = { kind: 'answer', id: 'op-1', answer: { ok: true } } as const;

/** Events that end an operation of a kind well. */
function completing(kind: OperationKind, id: string): AcsFact[] {
  const { succeeds, match, recordingState } = OPERATION_RULES[kind];
  return succeeds.map((type) => fact(type, match === 'context' ? id : undefined, { recordingState }));
}

describe('an operation', () => {
  it.each(OPERATION_KINDS)('%s: its event (or answer) ends it, once', (kind) => {
    const rule = OPERATION_RULES[kind];
    const accepted = advance(begin({ kind }), accept, T0 + 1);
    if (rule.by === 'request') {
      expect(accepted.outcomes).toEqual([
        { id: 'op-1', kind, status: 'succeeded', startedAtMs: T0, endedAtMs: T0 + 1 },
      ]);
      expect(advance(accepted.ledger, accept, T0 + 2).outcomes).toEqual([]);
      return;
    }
    expect(accepted.outcomes).toEqual([]);
    const inputs =
      rule.by === 'silence'
        ? [{ kind: 'clock' } as const]
        : completing(kind, 'op-1').map((one) => ({ kind: 'fact', fact: one }) as const);
    const [input] = inputs;
    if (!input) throw new Error('nothing ends it');
    const ended = advance(accepted.ledger, input, T0 + rule.deadlineMs);
    expect(ended.outcomes).toMatchObject([{ id: 'op-1', status: 'succeeded' }]);
    expect(advance(ended.ledger, input, T0 + rule.deadlineMs).outcomes).toEqual([]);
    expect(ended.ledger.open).toEqual([]);
  });

  it.each(OPERATION_KINDS)('%s: without an event it times out at its deadline, not before', (kind) => {
    const { deadlineMs } = OPERATION_RULES[kind];
    const ledger = begin({ kind });
    expect(nextDeadline(ledger)).toBe(T0 + deadlineMs);
    expect(advance(ledger, { kind: 'clock' }, T0 + deadlineMs - 1).outcomes).toEqual([]);
    expect(advance(ledger, { kind: 'clock' }, T0 + deadlineMs).outcomes).toMatchObject([
      { status: 'timed_out' },
    ]);
  });

  it.each(OPERATION_KINDS)('%s: its failure event fails it', (kind) => {
    for (const type of OPERATION_RULES[kind].fails) {
      const ended = occur(
        begin({ kind }),
        fact(type, 'op-1', { result: { code: 400, subCode: 8581, message: 'x' } }),
      );
      expect(ended.outcomes).toMatchObject([{ status: 'failed', result: { code: 400, subCode: 8581 } }]);
      expect(JSON.stringify(ended)).not.toContain('message');
    }
  });

  it('a refused request fails it, an unknown one is left to event and deadline', () => {
    const ledger = begin({ kind: 'play' });
    const refusal = { ok: false, code: 'RTV_ACS_CONFLICT', unknown: false } as const;
    expect(advance(ledger, { kind: 'answer', id: 'op-1', answer: refusal }, T0).outcomes).toMatchObject([
      { status: 'failed', code: 'RTV_ACS_CONFLICT' },
    ]);
    const unsure = { ok: false, code: 'RTV_ACS_TIMED_OUT', unknown: true } as const;
    const step = advance(ledger, { kind: 'answer', id: 'op-1', answer: unsure }, T0);
    expect(step.outcomes).toEqual([]);
    expect(occur(step.ledger, fact('PlayCompleted', 'op-1')).outcomes).toMatchObject([
      { status: 'succeeded' },
    ]);
  });

  it('silence is no success of a hold that ACS never accepted', () => {
    expect(advance(begin({ kind: 'hold' }), { kind: 'clock' }, T0 + 60_000).outcomes).toMatchObject([
      { status: 'timed_out' },
    ]);
  });

  it('takes no event of another operation', () => {
    const ledger = begin({ kind: 'play' });
    for (const other of [fact('PlayCompleted', 'op-2'), fact('PlayCompleted'), fact('PlayStarted', 'op-1')]) {
      expect(occur(ledger, other)).toEqual({ ledger, outcomes: [] });
    }
  });

  it('tells recordings apart, by state and id', () => {
    const both = begin({ kind: 'stopRecording', id: 'stop', recordingId: 'rec-1' });
    const changed = (recordingState: string, recordingId: string) =>
      fact('RecordingStateChanged', undefined, { recordingState, recordingId });
    expect(occur(both, changed('active', 'rec-1')).outcomes).toEqual([]);
    expect(occur(both, changed('inactive', 'rec-2')).outcomes).toEqual([]);
    expect(occur(both, changed('inactive', 'rec-1')).outcomes).toMatchObject([
      { id: 'stop', status: 'succeeded' },
    ]);
  });

  it('counts an event that CallDisconnected overtook', () => {
    const ended = occur(begin({ kind: 'transfer' }), fact('CallDisconnected'));
    expect(ended.outcomes).toEqual([]);
    expect(occur(ended.ledger, fact('CallTransferAccepted', 'op-1')).outcomes).toMatchObject([
      { status: 'succeeded' },
    ]);
    expect(advance(ended.ledger, { kind: 'clock' }, T0 + 10 + ENDED_GRACE_MS).outcomes).toMatchObject([
      { status: 'call_ended' },
    ]);
    expect(advance(ended.ledger, { kind: 'close' }, T0 + 11).outcomes).toMatchObject([
      { status: 'call_ended' },
    ]);
  });

  it('is not started twice under one id or idempotency key', () => {
    const ledger = begin({ kind: 'play', idempotencyKey: 'key' });
    const again = startOperation(ledger, { id: 'op-2', kind: 'play', idempotencyKey: 'key', nowMs: T0 });
    expect(again).toMatchObject({ ok: false, reason: 'duplicate', known: { id: 'op-1' } });
    const done = occur(ledger, fact('PlayCompleted', 'op-1')).ledger;
    expect(
      startOperation(done, { id: 'op-3', kind: 'play', idempotencyKey: 'key', nowMs: T0 }),
    ).toMatchObject({ ok: false, reason: 'duplicate', known: { id: 'op-1', status: 'succeeded' } });
  });

  it('stays in bounds', () => {
    let ledger = emptyLedger;
    for (let n = 0; n < MAX_OPEN; n += 1) ledger = begin({ kind: 'play', id: `p${n}` }, ledger);
    expect(startOperation(ledger, { id: 'more', kind: 'play', nowMs: T0 })).toEqual({
      ok: false,
      reason: 'full',
    });
    for (let n = 0; n < 3; n += 1) {
      ledger = advance(ledger, { kind: 'close' }, T0).ledger;
      for (let m = 0; m < MAX_OPEN; m += 1) ledger = begin({ kind: 'play', id: `${n}-${m}` }, ledger);
    }
    expect(ledger.settled).toHaveLength(MAX_SETTLED);
  });
});

describe('in any order, with losses and duplicates', () => {
  const operation = fc.record({
    kind: fc.constantFrom(...OPERATION_KINDS),
    answered: fc.constantFrom('yes', 'refused', 'unknown', 'never'),
    fate: fc.constantFrom('succeeds', 'fails', 'cancels', 'lost'),
    copies: fc.integer({ min: 1, max: 3 }),
  });

  it('each operation has exactly one outcome', () => {
    fc.assert(
      fc.property(
        fc.array(operation, { minLength: 1, maxLength: 12 }),
        fc.array(fc.constantFrom<AcsFactType>(...PLAIN_FACT_TYPES, 'Unknown'), { maxLength: 4 }),
        fc.infiniteStream(fc.nat()),
        (operations, noise, order) => {
          let ledger = emptyLedger;
          const inputs: LedgerInput[] = noise.map((type) => ({ kind: 'fact', fact: fact(type, 'nobody') }));
          for (const [index, { kind, answered, fate, copies }] of operations.entries()) {
            const id = `op-${index}`;
            const rule = OPERATION_RULES[kind];
            ledger = begin({ kind, id }, ledger);
            if (answered === 'yes') inputs.push({ kind: 'answer', id, answer: { ok: true } });
            else if (answered !== 'never') {
              const unknown = answered === 'unknown';
              inputs.push({ kind: 'answer', id, answer: { ok: false, code: 'RTV_ACS_X', unknown } });
            }
            const types = fate === 'lost' ? [] : (rule[fate] ?? []);
            const { recordingState } = rule;
            for (let copy = 0; copy < copies; copy += 1) {
              for (const type of types)
                inputs.push({ kind: 'fact', fact: fact(type, id, { recordingState }) });
            }
            inputs.push({ kind: 'clock' });
          }
          const outcomes: Outcome[] = [];
          let nowMs = T0;
          const apply = (input: LedgerInput) => {
            nowMs += 700;
            const step = advance(ledger, input, nowMs);
            ledger = step.ledger;
            outcomes.push(...step.outcomes);
          };
          while (inputs.length > 0) {
            const [input] = inputs.splice((order.next().value ?? 0) % inputs.length, 1);
            if (input) apply(input);
          }
          nowMs += 1_000_000;
          apply({ kind: 'clock' });
          expect(ledger.open).toEqual([]);
          expect(outcomes.map((one) => one.id).sort()).toEqual(
            operations.map((_, index) => `op-${index}`).sort(),
          );
          expect(JSON.parse(JSON.stringify(ledger))).toEqual(ledger);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
