/** Trials of what makes a call, or keeps it from becoming one of ours: answer, reject, redirect, create. */
import { expect } from 'vitest';
import { parseFaults } from '../../../src/simulator/faults/grammar.js';
import { FaultPlan } from '../../../src/simulator/faults/plan.js';
import { Chance } from '../../../src/simulator/random.js';
import { eventually } from '../../support/stack.js';
import { type ControlDesk, createdId, OUR_NUMBER, REDIRECTED_NUMBER, REJECTED_NUMBER } from './desk.js';
import { type Trial, trial } from './trials.js';

const NEVER_MS = 1_500;
/** Longer than a refusal takes, shorter than Event Grid waits with its second delivery. */
const RING_MS = 2_000;

/** A call to a number, followed to its end. */
const ring = (desk: ControlDesk, to: string, faults = '') =>
  desk.view.place({
    script: [{ hangUp: true, listen: false }],
    to,
    faults,
    latency: 'none',
    ringMs: RING_MS,
  });

/** Nothing of the call is left with us: no actor's session, no live entry. */
async function isNoCall(desk: ControlDesk, callId: string): Promise<void> {
  expect((await desk.describe(callId)).code).toBe('RTV_CALL_UNKNOWN');
}

/** ACS refuses a request about a ringing call: it is counted, and the event is not taken, so that it comes again. */
const refusedWhileRinging = (rest: string, to: string): Trial =>
  trial('a busy ACS', async (desk) => {
    const before = await desk.incoming('failed');
    const result = await ring(desk, to, `error503.${rest}=1,retryAfter=9`);
    expect(result).toMatchObject({ outcome: 'unanswered', incomingAttempts: 1 });
    await eventually('counted', async () => (await desk.incoming('failed')) === before + 1);
    await isNoCall(desk, result.callConnectionId);
  });

export const answers = trial('CallConnected', async (desk) => {
  const call = await desk.quietCall();
  expect((await desk.born(call.id, 'answer')).status).toBe('succeeded');
  await call.end();
});

export const answerRefused = refusedWhileRinging('answerCall', OUR_NUMBER);

/** On the shared call, of which CallConnected never came. */
export const answerUnheard = trial('its deadline, and the call goes on', async (desk, call) => {
  expect((await desk.born(call.id, 'answer')).status).toBe('timed_out');
  expect((await desk.describe(call.id)).phase).toBe('connected');
});

/** The first answer to the request is lost, the second one comes. */
const LOST_ONCE = 'error500after.answerCall=0.5';
const LOST_ONCE_SEED = Array.from({ length: 64 }, (_, seed) => seed).find((seed) => {
  const plan = new FaultPlan(parseFaults(LOST_ONCE), new Chance(seed).fork('faults'));
  return plan.request('answerCall').failAfter && !plan.request('answerCall').failAfter;
});

export const answerRepeated = trial('the same request once more, its answer being lost', async (desk) => {
  expect(LOST_ONCE_SEED).toBeDefined();
  const call = await desk.quietCall({ faults: LOST_ONCE, seed: LOST_ONCE_SEED });
  expect((await desk.born(call.id, 'answer')).status).toBe('succeeded');
  await call.end();
});

/** A call that is turned away: counted and audited once, though its event comes twice. */
const declines = (outcome: 'rejected' | 'redirected', to: string): Trial =>
  trial('the answer to the request, for an event that comes twice', async (desk) => {
    const before = await desk.incoming(outcome);
    const result = await ring(desk, to, 'duplicate.IncomingCall=1:0-50');
    expect(result).toMatchObject({ outcome, endedBy: 'app' });
    await eventually('audited', async () => {
      const records = await desk.view.audited({ correlationId: result.correlationId });
      return records.map(({ action }) => action).join() === `call.${outcome}`;
    });
    expect(await desk.incoming(outcome)).toBe(before + 1);
    await isNoCall(desk, result.callConnectionId);
  });

/**
 * No event tells of a rejection, only the answer to its request. Where that never comes the deadline of the request is the
 * outcome: unknown to us, though the caller is gone; the event is not taken.
 */
const declinedUnheard = (rest: string, outcome: 'rejected' | 'redirected', to: string): Trial =>
  trial('the deadline of its request', async (desk) => {
    const before = [await desk.incoming('failed'), await desk.incoming(outcome)];
    const result = await ring(desk, to, `noAnswer.${rest}=1`);
    expect(result).toMatchObject({ outcome, endedBy: 'app' });
    await eventually('counted', async () => (await desk.incoming('failed')) === (before[0] ?? 0) + 1);
    expect(await desk.incoming(outcome)).toBe(before[1]);
    await isNoCall(desk, result.callConnectionId);
  });

export const rejects = declines('rejected', REJECTED_NUMBER);
export const rejectRefused = refusedWhileRinging('rejectCall', REJECTED_NUMBER);
export const rejectUnheard = declinedUnheard('rejectCall', 'rejected', REJECTED_NUMBER);
export const redirects = declines('redirected', REDIRECTED_NUMBER);
export const redirectRefused = refusedWhileRinging('redirectCall', REDIRECTED_NUMBER);
export const redirectUnheard = declinedUnheard('redirectCall', 'redirected', REDIRECTED_NUMBER);

const dial = (desk: ControlDesk, number: string, query = '') =>
  desk.create({ target: `4:${number}`, sourceNumber: OUR_NUMBER }, {}, query);

export const creates = trial('CallConnected, and sockets', async (desk) => {
  await desk.callee('+15550300');
  const answer = await dial(desk, '+15550300');
  expect(answer.status).toBe(201);
  const callId = createdId(answer);
  expect((await desk.born(callId, 'createCall')).status).toBe('succeeded');
  await eventually('a media worker', async () => (await desk.describe(callId)).mediaWorker !== '');
  expect((await desk.outcome(callId, 'hangUp')).body.status).toBe('succeeded');
});

export const createDeclined = trial('CreateCallFailed', async (desk) => {
  await desk.callee('+15550301', { faults: 'invite=decline' });
  const callId = createdId(await dial(desk, '+15550301'));
  expect((await desk.born(callId, 'createCall')).status).toBe('failed');
});

export const createRefused = trial('a refusal, and is no call', async (desk) => {
  // A number is called in the name of another one.
  const answer = await desk.create({ target: '4:+15550303' });
  expect(answer).toMatchObject({ status: 422, body: { code: 'RTV_ACS_REFUSED' } });
});

export const createUnheard = trial('its deadline', async (desk) => {
  await desk.callee('+15550302', { faults: 'invite=never' });
  const callId = createdId(await dial(desk, '+15550302', `?deadlineMs=${NEVER_MS}`));
  expect((await desk.born(callId, 'createCall')).status).toBe('timed_out');
  expect((await desk.outcome(callId, 'hangUp')).body.status).toBe('succeeded');
});
