/**
 * Call control from the HTTP API through the actor and the real SDK to the simulator: each operation with its success, its
 * failure, and the case in which its event never comes (control/table.ts), then what is common to all.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type StackView, startTestStack, type TestStack } from '../support/stack.js';
import {
  CALLER,
  ControlDesk,
  createdId,
  OUR_NUMBER,
  POLICY,
  type QuietCall,
  SAY,
  STRANGER,
} from './control/desk.js';
import { TABLE } from './control/table.js';
import type { Trial, Trials } from './control/trials.js';

let system: TestStack;
let view: StackView;
let desk: ControlDesk;

beforeAll(async () => {
  // Callers who say nothing are not to be given up here.
  system = await startTestStack({ env: { SILENCE_REPROMPT_MS: '3600000', ANSWER_POLICY: POLICY } });
  view = system.view;
  desk = new ControlDesk(view);
});

afterAll(() => system?.remove());

/** Events that never come, and requests of which the answer is lost each time. */
const SILENCE = [
  ...['CallTransferAccepted', 'AddParticipantSucceeded', 'RemoveParticipantSucceeded', 'PlayCompleted'],
  ...['PlayCanceled', 'RecognizeCompleted', 'RecognizeFailed', 'ContinuousDtmfRecognitionStopped'],
  ...['SendDtmfTonesCompleted', 'MediaStreamingStopped', 'TranscriptionStopped', 'TranscriptionUpdated'],
  ...['RecordingStateChanged', 'CallDisconnected', 'CallConnected'],
].map((type) => `drop.${type}=1`);
const LOST = [
  ...['muteParticipant', 'cancelAllMediaOperations', 'startContinuousDtmfRecognition', 'hold', 'unhold'],
].map((name) => `error500after.${name}=1`);

describe.each<[keyof Trials, string]>([
  ['succeeds', ''],
  ['fails', 'invite=decline'],
  ['neverComes', [...SILENCE, ...LOST].join()],
])('an operation that %s', (kind, faults) => {
  let call: QuietCall;
  beforeAll(async () => {
    call = await desk.quietCall({ faults });
  });
  afterAll(() => call?.end());

  it.each<[string, string, Trial]>(
    Object.entries(TABLE).flatMap(([name, trials]) =>
      trials[kind].map((one): [string, string, Trial] => [name, one.by, one]),
    ),
  )('%s: by %s', (name, _by, { run }) => run(desk, call, name));

  it('is kept with its outcome, once', async () => {
    const operations = await desk.operations(call.id);
    expect(operations.length).toBeGreaterThan(10);
    expect(operations.filter(({ state }) => state !== 'settled')).toEqual([]);
    if (kind === 'succeeds') expect(operations.filter(({ status }) => status !== 'succeeded')).toEqual([]);
    expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length);
  });
});

describe('a call on hold', () => {
  it('hears nothing of the answer to what it keyed, which is one turn, until it is taken back', async () => {
    const call = await desk.quietCall({
      script: [{ waitMs: 8_000, listen: false }, { dtmf: '12#', listen: false }, { waitMs: 60_000 }],
    });
    const turns = async (): Promise<unknown> => (await desk.describe(call.id)).turns;
    const frames = (): Promise<number> => view.metric('rtvoice_media_frames_total', { direction: 'out' });
    const succeeded = { status: 200, body: { state: 'settled', status: 'succeeded' } };
    await eventually('the greeting was heard', async () => (await turns()) === 1);
    const before = await frames();
    // ACS tells nothing of a hold that went well: its outcome is known after 5 s, when the keys have long been answered.
    const held = desk.outcome(call.id, 'hold', { participant: CALLER });
    await eventually('the keys are a turn', async () => (await turns()) === 2);
    expect(await held).toMatchObject(succeeded);
    expect([await turns(), await frames()]).toEqual([2, before]);
    expect(await desk.outcome(call.id, 'unhold', { participant: CALLER })).toMatchObject(succeeded);
    await eventually('the answer was heard', async () => (await turns()) === 3);
    expect(await frames()).toBeGreaterThan(before);
    await call.end();
  });
});

describe('any operation', () => {
  it('is refused on a call that is not connected, but its end', async () => {
    await desk.callee('+15550310', { faults: 'invite=never' });
    const callId = createdId(await desk.create({ target: '4:+15550310', sourceNumber: OUR_NUMBER }));
    for (const [operation, args] of [
      ['startRecording', {}],
      ['play', SAY],
    ] as const) {
      expect(await desk.outcome(callId, operation, args)).toMatchObject({
        status: 409,
        body: { code: 'RTV_ACS_NOT_ESTABLISHED' },
      });
    }
    expect((await desk.outcome(callId, 'hangUp')).body.status).toBe('succeeded');
  });

  it('is refused on a call that is over, or that never was', async () => {
    const over = await desk.quietCall();
    await over.end();
    await eventually(
      'the record is closed',
      async () => (await desk.describe(over.id)).phase !== 'connected',
    );
    expect(await desk.outcome(over.id, 'hangUp')).toMatchObject({
      status: 409,
      body: { code: 'RTV_CALL_ENDED' },
    });
    expect(await desk.outcome(randomUUID(), 'hangUp')).toMatchObject({
      status: 404,
      body: { code: 'RTV_CALL_UNKNOWN' },
    });
  });
});

describe('the API', () => {
  it('is behind its token', async () => {
    for (const authorization of ['', 'Bearer wrong', 'Basic abc']) {
      const answer = await desk.api('GET', '/calls', undefined, { authorization });
      expect(answer.status).toBe(401);
    }
    expect(await view.metric('rtvoice_security_events_total', { door: 'api' })).toBeGreaterThanOrEqual(3);
  });

  it('does an operation once under one key', async () => {
    const call = await desk.quietCall();
    const headers = { 'idempotency-key': 'same', prefer: 'wait=20' };
    const first = await desk.api('POST', `/calls/${call.id}/play`, SAY, headers);
    const second = await desk.api('POST', `/calls/${call.id}/play`, SAY, headers);
    expect(first.body).toMatchObject({ status: 'succeeded', repeated: false });
    expect(second.body).toMatchObject({ id: first.body.id, status: 'succeeded', repeated: true });
    await call.end();
  });

  it('makes a call once under one key', async () => {
    await desk.callee('+15550303');
    const dial = () =>
      desk.create({ target: '4:+15550303', sourceNumber: OUR_NUMBER }, { 'idempotency-key': 'out-1' });
    const callId = createdId(await dial());
    expect(await dial()).toMatchObject({ status: 200, body: { callConnectionId: callId, repeated: true } });
    expect((await desk.outcome(callId, 'hangUp')).body.status).toBe('succeeded');
  });

  it('names the fields that are wrong, and no value', async () => {
    const answer = await desk.api('POST', '/calls/x/transfer', { target: 7, secret: 'a name' });
    expect(answer).toMatchObject({ status: 400, body: { code: 'RTV_OPERATION_INVALID' } });
    expect(answer.body.detail).toContain('target');
    expect(JSON.stringify(answer.body)).not.toMatch(/a name|secret/);
    expect((await desk.api('POST', '/calls/x/fly')).body.code).toBe('RTV_OPERATION_UNKNOWN');
    for (const [args, query] of [
      [{ target: '' }, ''],
      [{ target: '4:+15550303' }, '?deadlineMs=499'],
    ] as const) {
      expect(await desk.create(args, {}, query)).toMatchObject({
        status: 400,
        body: { code: 'RTV_OPERATION_INVALID' },
      });
    }
  });
});

describe('the audit log', () => {
  const told = async (of: Parameters<StackView['audited']>[0], actions: readonly string[]) =>
    eventually(`audit records ${actions.join()}`, async () => {
      const records = await view.audited(of);
      return actions.every((action) => records.some((record) => record.action === action)) && records;
    });

  it('has each operation: who asked, and what came of it; no party, no word', async () => {
    const call = await desk.quietCall();
    const played = (await desk.outcome(call.id, 'play', SAY)).body;
    const refused = (await desk.outcome(call.id, 'muteParticipant', { participant: STRANGER })).body;
    expect(refused.code).toBe('RTV_ACS_NOT_FOUND');
    await desk.outcome(call.id, 'hangUp');
    const records = await eventually('all outcomes', async () => {
      const found = await view.audited({ sessionId: call.id });
      const outcomes = found.filter(({ action }) => action === 'call.control.outcome');
      return outcomes.length >= 4 && found;
    });
    const asked = records.filter(({ action }) => action === 'call.control');
    expect(asked.map(({ actor, detail }) => [actor, detail.operation])).toEqual([
      ['api', 'play'],
      ['api', 'muteParticipant'],
      ['api', 'hangUp'],
    ]);
    const ended = Object.fromEntries(
      records
        .filter(({ action }) => action === 'call.control.outcome')
        .map(({ detail }) => [String(detail.operation), detail]),
    );
    expect(ended).toMatchObject({
      answer: { status: 'succeeded' },
      play: { status: 'succeeded', operationId: played.id, acsCode: 200 },
      muteParticipant: { status: 'failed', code: 'RTV_ACS_NOT_FOUND' },
      hangUp: { status: 'succeeded' },
    });
    expect(new Set(records.map(({ correlationId }) => correlationId)).size).toBe(1);
    expect(JSON.stringify(records)).not.toMatch(/15550|One moment/);
  });

  it('has outbound calls', async () => {
    await desk.callee('+15550320', {});
    const callId = createdId(await desk.create({ target: '4:+15550320', sourceNumber: OUR_NUMBER }));
    const records = await told({ sessionId: callId }, ['call.create', 'call.control.outcome']);
    expect(records.find(({ action }) => action === 'call.create')).toMatchObject({
      actor: 'api',
      detail: { result: 'created' },
    });
    await desk.outcome(callId, 'hangUp');
  });
});

describe('rtvoice calls', () => {
  it('lists, shows, controls and ends calls, with stable exit codes', async () => {
    const call = await desk.quietCall();
    const run = async (
      ...args: string[]
    ): Promise<{ code: number | null; json: Record<string, unknown> }> => {
      const { code, stdout } = await view.rtvoice(['calls', ...args, '--json']);
      return { code, json: (stdout.trim() === '' ? {} : JSON.parse(stdout)) as Record<string, unknown> };
    };
    const listed = await run('list');
    expect(listed.code).toBe(0);
    expect(listed.json.calls).toContain(call.id);
    expect(await run('show', call.id)).toMatchObject({ code: 0, json: { phase: 'connected' } });
    expect(await run('control', call.id, 'play', JSON.stringify(SAY), '--wait', '20')).toMatchObject({
      code: 0,
      json: { kind: 'play', status: 'succeeded' },
    });
    const refused = JSON.stringify({ participant: STRANGER });
    expect((await run('control', call.id, 'mute-participant', refused)).code).toBe(1);
    expect((await run('control', call.id, 'fly')).code).toBe(2);
    expect((await run('control', call.id, 'play', 'no json')).code).toBe(2);
    expect((await run('list', '--api', 'http://127.0.0.1:9')).code).toBe(3);
    expect(await run('hangup', call.id)).toMatchObject({ code: 0, json: { status: 'succeeded' } });
    expect((await call.result).endedBy).toBe('app');
  });
});
