import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type AnsweringServices, answerCall } from '../acs/answering.js';
import type { AcsClient } from '../acs/client-types.js';
import { createMetrics } from '../ops/metrics.js';
import { Admission, type AdmissionLimits } from './admission.js';

const metrics = createMetrics('test');
const ROOM: AdmissionLimits = { calls: 2, eventLoopDelayMs: 10_000, heapMb: 100_000 };
let admission: Admission;
afterEach(() => admission.stop());

function admit(
  limits: Partial<AdmissionLimits> = {},
  live = new Map<string, object>(),
  shedding = false,
): Admission {
  admission = new Admission({
    limits: { ...ROOM, ...limits },
    live,
    shedding: () => shedding,
    metrics,
    windowMs: 200,
  });
  return admission;
}

/** An ACS that answers each call after a moment, and nobody who looks. */
function inertAnswering(): Omit<AnsweringServices, 'refusal' | 'answering' | 'start'> {
  let calls = 0;
  const answer: AcsClient['answer'] = async () => {
    await sleep(20);
    calls += 1;
    return { ok: true, value: { callConnectionId: `call-${calls}`, state: 'connecting' } };
  };
  const nothing = async (): Promise<void> => undefined;
  return {
    acs: { answer } as AcsClient,
    claims: { claim: async () => ({ kind: 'mine' }), answered: nothing, declined: nothing, release: nothing },
    policy: () => ({ kind: 'answer' }),
    pseudonym: (rawId) => rawId,
    urls: () => ({ callback: '', media: '', transcription: '' }),
    ...{ locale: 'en-US', sampleRate: 16_000, wallClock: () => 0, now: () => 0 },
    metrics: { outcome: () => undefined, answerSent: () => undefined, answered: () => undefined },
    declined: () => undefined,
  };
}

/** Holds the loop, as a task that is too long does. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

describe('a worker takes a new call', () => {
  it('while it has room', () => {
    expect(admit().state()).toBeUndefined();
  });

  it('up to its limit, those included whose sockets are on the way', () => {
    const live = new Map([['a', {}]]);
    admit({}, live);
    expect(admission.state()).toBeUndefined();
    admission.answered('b');
    expect(admission.state()).toBe('calls');
    // It came: it is one call, not two.
    live.set('b', {});
    live.delete('a');
    expect(admission.state()).toBeUndefined();
  });

  it('up to its limit, those included that ACS is just asked to answer', async () => {
    const answered: string[] = [];
    admit();
    const outcomes = await Promise.all(
      ['a', 'b', 'c', 'd'].map((correlationId) =>
        answerCall({ eventId: correlationId, correlationId, incomingCallContext: 'x' }, undefined, {
          ...inertAnswering(),
          refusal: () => (admission.refusal() ? 'RTV_WORKER_FULL' : undefined),
          answering: () => admission.answering(),
          async start(callId) {
            admission.answered(callId);
            answered.push(callId);
          },
        }),
      ),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(['answered', 'answered', 'busy', 'busy']);
    expect(answered).toHaveLength(2);
  });

  it('again when what it was to answer came to nothing', () => {
    admit({ calls: 1 });
    const leave = admission.answering();
    expect(admission.state()).toBe('calls');
    leave();
    leave();
    expect(admission.state()).toBeUndefined();
    admission.answering();
    expect(admission.state()).toBe('calls');
  });

  it('not while its heap is over the limit', () => {
    expect(admit({ heapMb: 1 }).state()).toBe('heap');
  });

  it('not while too much waits for Redis', () => {
    expect(admit({}, new Map(), true).state()).toBe('backlog');
  });

  it('not while its event loop is late, and again when it is not', async () => {
    admit({ eventLoopDelayMs: 60 });
    await expect
      .poll(
        async () => {
          for (let task = 0; task < 3; task += 1) {
            block(120);
            await sleep(1);
          }
          return admission.state();
        },
        { timeout: 15_000, interval: 20 },
      )
      .toBe('event_loop');
    await expect.poll(() => admission.state(), { timeout: 15_000, interval: 50 }).toBeUndefined();
  });

  it('never again once it drains', () => {
    admit().drain();
    expect(admission.refusal()).toBe('draining');
  });
});
