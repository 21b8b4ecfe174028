/** Whether a call is on hold, as its owner knows it and tells the media worker. */
import { afterEach, describe, expect, it } from 'vitest';
import type { RequestAnswer } from '../acs/operations.js';
import { CallControl } from './call-control.js';

const PARTICIPANT = '4:+15550100';
const controls: CallControl[] = [];

function control() {
  const told: [workerUrl: string, on: boolean][] = [];
  let now = 1_000;
  let ids = 0;
  const one = new CallControl('call', {
    line: {
      send: () => new Promise<RequestAnswer>(() => undefined),
      answered: async () => undefined,
      asked: () => undefined,
      settled: () => undefined,
      held: (_callId, workerUrl, on) => told.push([workerUrl, on]),
    },
    now: () => now,
    wake: () => undefined,
    correlationId: () => 'correlation',
    workerUrl: () => 'http://worker',
  });
  controls.push(one);
  const ask = (kind: 'hold' | 'unhold' | 'cancelAllMedia'): string => {
    now += 1;
    ids += 1;
    const id = `${kind}-${ids}`;
    const request =
      kind === 'cancelAllMedia'
        ? ({ kind, args: {} } as const)
        : ({ kind, args: { participant: PARTICIPANT } } as const);
    one.enter({ id, request }, false);
    return id;
  };
  return { one, told, ask, pass: (ms: number) => (now += ms) };
}

afterEach(() => {
  for (const one of controls.splice(0)) one.dispose();
});

describe('hold', () => {
  it('begins when it is asked for, and ends when ACS has taken the end of it', () => {
    const { one, told, ask, pass } = control();
    const hold = ask('hold');
    expect(told).toEqual([['http://worker', true]]);
    one.answered(hold, { ok: true });
    pass(6_000);
    one.tick();
    const unhold = ask('unhold');
    expect(one.held).toBe(true);
    one.answered(unhold, { ok: true });
    expect(told).toEqual([
      ['http://worker', true],
      ['http://worker', false],
    ]);
  });

  it('was none where ACS refuses it, or says later that it failed', () => {
    const { one, told, ask } = control();
    one.answered(ask('hold'), { ok: false, code: 'RTV_ACS_NOT_FOUND', unknown: false });
    expect(told.map(([, on]) => on)).toEqual([true, false]);
    const hold = ask('hold');
    one.answered(hold, { ok: true });
    one.observe([{ eventId: 'e', type: 'HoldFailed', operationContext: hold }]);
    expect(one.held).toBe(false);
    expect(told.map(([, on]) => on)).toEqual([true, false, true, false]);
  });

  it('stands until its end, however much else is asked of the call, and goes on at the next owner', () => {
    const { one, ask, pass } = control();
    one.answered(ask('hold'), { ok: true });
    pass(6_000);
    one.tick();
    for (let other = 0; other < 60; other += 1) one.answered(ask('cancelAllMedia'), { ok: true });
    expect(one.held).toBe(true);
    const next = control();
    next.one.restore(one.kept.operations);
    expect(next.one.held).toBe(true);
    // Whoever has the audio knows it, or hears of it when it attaches.
    expect(next.told).toEqual([]);
  });
});
