/** Trials of operations that need a call of their own. */
import { expect } from 'vitest';
import { eventually } from '../../support/stack.js';
import { CALLER, createdId, OUR_NUMBER } from './desk.js';
import { refused, succeeds, trial } from './trials.js';

export const recognizesKeys = trial('keys that the caller presses', async (desk, _call, kind) => {
  const pressing = await desk.quietCall({
    script: [{ waitMs: 1_500, listen: false }, { dtmf: '12', listen: false }, { waitMs: 60_000 }],
  });
  await succeeds({ from: CALLER, maxTones: 2, initialSilenceS: 15 }).run(desk, pressing, kind);
  await pressing.end();
});

export const hangsUp = (forEveryone: boolean) =>
  trial(forEveryone ? 'the end for everyone' : 'our own end', async (desk, _call, kind) => {
    const ending = await desk.quietCall();
    await succeeds({ forEveryone }).run(desk, ending, kind);
    expect((await ending.result).endedBy).toBe('app');
  });

export const hangsUpUnheard = trial('its deadline, and ACS is asked', async (desk, _call, kind) => {
  const lost = await desk.quietCall({ faults: 'drop.CallDisconnected=1' });
  const answer = await desk.outcome(lost.id, kind, {}, 1_500);
  expect(['timed_out', 'call_ended']).toContain(answer.body.status);
  await eventually(
    'the call is found to be over',
    async () => (await desk.describe(lost.id)).phase === 'ended',
    90_000,
    1_000,
  );
});

export const unconnected = trial('a call that is not connected yet', async (desk, _call, kind) => {
  await desk.callee('+15550304', { faults: 'invite=never' });
  const callId = createdId(await desk.create({ target: '4:+15550304', sourceNumber: OUR_NUMBER }));
  await refused({}, 'RTV_ACS_NOT_ESTABLISHED').run(desk, { id: callId }, kind);
  expect((await desk.outcome(callId, 'hangUp')).body.status).toBe('succeeded');
});
