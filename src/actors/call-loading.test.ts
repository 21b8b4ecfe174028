import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { inertServices } from '../../test/support/inert-services.js';
import { initialState } from '../call/state.js';
import { applyTurn, type ConversationContext, emptyContext } from '../memory/context.js';
import { localSeal } from '../privacy/seal.js';
import { CallInstance } from './call-instance.js';
import { holdTurn } from './call-record.js';
import type { CallServices } from './call-services.js';
import type { Journal } from './ports.js';

const seal = localSeal(randomBytes(32));
const turns = [1, 2, 3].map((seq) => ({
  ...{ seq, mediaEpoch: 1, turnNo: seq, turnId: `t${seq}`, agent: 'a', startedAtMs: 1, endedAtMs: 2 },
  ...{ role: 'user' as const, text: `words ${seq}` },
}));
const refused = async (): Promise<never> => {
  throw new Error('not expected here');
};

/** A call of three turns whose owner died, in a phase, with a snapshot up to a turn. */
function orphaned(phase: string, through: number) {
  const journal: Journal = {
    claim: async () => ({
      ...{ incarnation: 'i', ownerEpoch: 2, ownerNonce: 'n', mediaEpoch: 1, mediaWorker: 'w', seq: 3 },
      ...{ commitId: '', archivedThrough: 0, write: 0, saying: '' },
      data: JSON.stringify({ state: { ...initialState(), phase }, origin: { correlationId: 'c' } }),
    }),
    entries: async () =>
      turns.map((turn) => ({ seq: turn.seq, payload: holdTurn(seal, 'call', turn).payload })),
    ...{ commit: refused, write: refused, restore: refused, read: refused },
    ...{ touch: async () => undefined, setAside: refused },
  };
  const written: ConversationContext[] = [];
  const services: CallServices = {
    ...inertServices(),
    ...{ seal, journal },
    contexts: {
      load: async () => turns.slice(0, through).reduce(applyTurn, emptyContext()),
      changed: (_callId, context) => written.push(context),
      flush: async () => undefined,
    },
    drop: () => undefined,
    settleLater: () => undefined,
    wakeWhenBack: () => undefined,
    newestDispatch: () => 0,
  };
  return { call: new CallInstance('call', services), written };
}

it('a snapshot that its dead owner left behind the journal is written anew, though no turn follows', async () => {
  const { call, written } = orphaned('connected', 1);
  await call.locate();
  expect(written.map(({ throughSeq }) => throughSeq)).toEqual([3]);
  call.dispose();
});

it.each([
  ['one that is current', 'connected', 3],
  ['one of a call that has ended', 'ended', 1],
])('%s is left alone', async (_, phase, through) => {
  const { call, written } = orphaned(phase, through);
  await call.locate();
  expect(written).toEqual([]);
  call.dispose();
});
