/**
 * Each call-control operation, from the HTTP API through the actor and the real SDK to the simulator: its success, its
 * failure, and the case in which its event never comes.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CallResult } from '../../src/simulator/core/report.js';
import type { PlaceCall } from '../../src/simulator/core/setup.js';
import { eventually, type StackView, startTestStack, type TestStack } from '../support/stack.js';

interface Operation {
  readonly id: string;
  readonly kind: string;
  readonly state: 'open' | 'settled';
  readonly status?: string;
  readonly code?: string;
  readonly recordingId?: string;
  readonly result?: { readonly code: number; readonly subCode: number };
  readonly repeated?: boolean;
}

interface Answer {
  readonly status: number;
  readonly body: Operation & { readonly detail?: string };
  readonly location: string | null;
}

const CALLER = '4:+15550100';
const STRANGER = '4:+15550777';
const COLLEAGUE = '4:+15550123';
const SAY = { sources: [{ kind: 'text', text: 'One moment.' }] };

let system: TestStack;
let view: StackView;

beforeAll(async () => {
  // Callers who say nothing are not to be given up here.
  system = await startTestStack({ env: { SILENCE_REPROMPT_MS: '3600000' } });
  view = system.view;
});

afterAll(() => system?.remove());

async function api(
  method: 'GET' | 'POST',
  path: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const answer = await fetch(`${view.info.publicBaseUrl}/api${path}`, {
    method,
    headers: {
      authorization: `Bearer ${view.secrets.apiToken}`,
      'content-type': 'application/json',
      ...headers,
    },
    ...(method === 'POST' ? { body: JSON.stringify(body ?? {}) } : {}),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    body: (text === '' ? {} : JSON.parse(text)) as Operation,
    location: answer.headers.get('location'),
  };
}

/** Asks for an operation and waits for its outcome. */
const outcome = (
  callId: string,
  operation: string,
  args: object = {},
  deadlineMs?: number,
): Promise<Answer> =>
  api('POST', `/calls/${callId}/${operation}${deadlineMs ? `?deadlineMs=${deadlineMs}` : ''}`, args, {
    prefer: 'wait=20',
  });

interface Quiet {
  readonly id: string;
  readonly result: Promise<CallResult>;
  end(): Promise<CallResult>;
}

/** A connected call, both sockets open, whose caller says nothing. */
async function quietCall(call: PlaceCall = {}): Promise<Quiet> {
  let id = '';
  const seen = new Set<string>();
  const result = view.place(
    { script: [{ waitMs: 120_000 }], patienceMs: 120_000, latency: 'none', ...call },
    (progress) => {
      seen.add(progress.event);
      if (progress.event === 'ringing') id = String(progress.callConnectionId);
    },
  );
  result.catch(() => undefined);
  await eventually('the call and its sockets', () => seen.has('media') && seen.has('transcription'));
  await eventually('the actor knows', async () => (await view.actor(id, 'describe')).phase === 'connected');
  return {
    id,
    result,
    async end() {
      await view.simulator.json('DELETE', `/calls/${id}`).catch(() => undefined);
      return result;
    },
  };
}

const create = (body: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  api('POST', '/calls', body, headers);
const callee = (number: string, rest: object): Promise<unknown> =>
  view.simulator.json('POST', '/callees', { number, script: [{ waitMs: 60_000 }], ...rest });
const created = (answer: Answer): string =>
  (answer.body as unknown as { callConnectionId: string }).callConnectionId;

const succeeded = { status: 200, body: { state: 'settled', status: 'succeeded' } };

describe('operations that succeed', () => {
  let call: Quiet;
  let recordingId = '';
  beforeAll(async () => {
    call = await quietCall();
  });
  afterAll(() => call?.end());

  it.each<[string, object]>([
    ['addParticipant', { participant: COLLEAGUE, sourceNumber: '+15550199' }],
    ['muteParticipant', { participant: COLLEAGUE }],
    ['removeParticipant', { participant: COLLEAGUE }],
    ['play', SAY],
    ['cancelAllMedia', {}],
    ['startContinuousDtmf', { from: CALLER }],
    ['stopContinuousDtmf', { from: CALLER }],
    ['sendDtmf', { tones: ['one', 'pound'], to: CALLER }],
    ['stopMediaStreaming', {}],
    ['startMediaStreaming', {}],
    ['updateTranscription', { locale: 'en-GB' }],
    ['stopTranscription', {}],
    ['startTranscription', { locale: 'en-US' }],
    ['hold', { participant: CALLER }],
    ['unhold', { participant: CALLER }],
  ])('%s', async (operation, args) => {
    const answer = await outcome(call.id, operation, args);
    expect(answer).toMatchObject({ ...succeeded, body: { kind: operation, ...succeeded.body } });
    expect(answer.location).toBe(`/api/calls/${call.id}/operations/${answer.body.id}`);
  });

  it('recording: started, paused, resumed, stopped', async () => {
    const started = await outcome(call.id, 'startRecording', { format: 'wav' });
    expect(started).toMatchObject(succeeded);
    recordingId = started.body.recordingId ?? '';
    expect(recordingId).not.toBe('');
    for (const operation of ['pauseRecording', 'resumeRecording', 'stopRecording']) {
      expect(await outcome(call.id, operation, { recordingId })).toMatchObject(succeeded);
    }
  });

  it('recognizeDtmf, with keys that the caller presses', async () => {
    const pressing = await quietCall({
      script: [{ waitMs: 1_500, listen: false }, { dtmf: '12', listen: false }, { waitMs: 60_000 }],
    });
    const answer = await outcome(pressing.id, 'recognizeDtmf', {
      from: CALLER,
      maxTones: 2,
      initialSilenceS: 15,
    });
    expect(answer).toMatchObject(succeeded);
    await pressing.end();
  });

  it('transfer', async () => {
    const transferred = await quietCall();
    expect(
      await outcome(transferred.id, 'transfer', { target: COLLEAGUE, sourceNumber: '+15550199' }),
    ).toMatchObject(succeeded);
    await transferred.end();
  });

  it.each([true, false])('hangUp, for everyone: %s', async (forEveryone) => {
    const ending = await quietCall();
    expect(await outcome(ending.id, 'hangUp', { forEveryone })).toMatchObject(succeeded);
    expect((await ending.result).endedBy).toBe('app');
  });

  it('keeps the outcomes, each operation once', async () => {
    const { body } = await api('GET', `/calls/${call.id}/operations`);
    const { operations } = body as unknown as { operations: Operation[] };
    expect(operations.every(({ status }) => status === 'succeeded')).toBe(true);
    expect(operations.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['answer', 'play', 'hold', 'startRecording', 'stopRecording']),
    );
    expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length);
  });
});

describe('operations that fail', () => {
  let call: Quiet;
  beforeAll(async () => {
    call = await quietCall({ faults: 'invite=decline' });
  });
  afterAll(() => call?.end());

  it.each<[string, object, string]>([
    ['removeParticipant', { participant: STRANGER }, 'RTV_ACS_NOT_FOUND'],
    ['muteParticipant', { participant: STRANGER }, 'RTV_ACS_NOT_FOUND'],
    ['startContinuousDtmf', { from: STRANGER }, 'RTV_ACS_NOT_FOUND'],
    ['stopContinuousDtmf', { from: STRANGER }, 'RTV_ACS_NOT_FOUND'],
    ['recognizeDtmf', { from: STRANGER }, 'RTV_ACS_NOT_FOUND'],
    ['sendDtmf', { tones: ['one'], to: STRANGER }, 'RTV_ACS_NOT_FOUND'],
    ['hold', { participant: STRANGER }, 'RTV_ACS_NOT_FOUND'],
    ['unhold', { participant: CALLER }, 'RTV_ACS_MEDIA_INCOMPATIBLE'],
    ['startMediaStreaming', {}, 'RTV_ACS_MEDIA_INCOMPATIBLE'],
    ['startTranscription', {}, 'RTV_ACS_MEDIA_INCOMPATIBLE'],
    ['play', { ...SAY, to: [STRANGER] }, 'RTV_ACS_NOT_FOUND'],
    ['stopRecording', { recordingId: Buffer.from('none').toString('base64') }, 'RTV_ACS_'],
    ['pauseRecording', { recordingId: Buffer.from('none').toString('base64') }, 'RTV_ACS_'],
    ['resumeRecording', { recordingId: Buffer.from('none').toString('base64') }, 'RTV_ACS_'],
  ])('%s is refused by ACS', async (operation, args, code) => {
    const answer = await outcome(call.id, operation, args);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.body.code).toContain(code);
    const { body } = await api('GET', answer.location?.replace('/api', '') ?? '');
    expect(body).toMatchObject({
      kind: operation,
      state: 'settled',
      status: 'failed',
      code: answer.body.code,
    });
  });

  it.each<[string, object]>([
    ['addParticipant', { participant: COLLEAGUE, sourceNumber: '+15550199' }],
    ['transfer', { target: COLLEAGUE, sourceNumber: '+15550199' }],
    ['play', { sources: [{ kind: 'file', url: 'http://127.0.0.1:9/none.wav' }] }],
    ['recognizeDtmf', { from: CALLER, maxTones: 1, initialSilenceS: 1 }],
  ])('%s fails by its event', async (operation, args) => {
    const answer = await outcome(call.id, operation, args);
    expect(answer).toMatchObject({ status: 200, body: { state: 'settled', status: 'failed' } });
    expect(answer.body.result?.code).toBeGreaterThanOrEqual(400);
  });

  it('streams that were stopped cannot be stopped or changed', async () => {
    expect((await outcome(call.id, 'stopTranscription')).body.status).toBe('succeeded');
    expect((await outcome(call.id, 'stopTranscription')).body.code).toBe('RTV_ACS_MEDIA_INCOMPATIBLE');
    expect((await outcome(call.id, 'updateTranscription', { locale: 'en-GB' })).body.code).toBe(
      'RTV_ACS_MEDIA_INCOMPATIBLE',
    );
    expect((await outcome(call.id, 'stopMediaStreaming')).body.status).toBe('succeeded');
    expect((await outcome(call.id, 'stopMediaStreaming')).body.code).toBe('RTV_ACS_MEDIA_INCOMPATIBLE');
  });

  it.each<[string, object]>([
    ['cancelAllMedia', {}],
    ['play', SAY],
  ])('%s while ACS is busy', async (operation, args) => {
    const broken = await quietCall({
      faults: 'error503.cancelAllMediaOperations=1,error503.play=1,retryAfter=9',
    });
    expect(await outcome(broken.id, operation, args)).toMatchObject({
      status: 503,
      body: { code: 'RTV_ACS_BUSY' },
    });
    await broken.end();
  });

  it('startRecording, and all else, on a call that is not connected', async () => {
    await callee('+15550310', { faults: 'invite=never' });
    const callId = created(await create({ target: '4:+15550310', sourceNumber: '+15550199' }));
    for (const [operation, args] of [
      ['startRecording', {}],
      ['play', SAY],
    ] as const) {
      expect(await outcome(callId, operation, args)).toMatchObject({
        status: 409,
        body: { code: 'RTV_ACS_NOT_ESTABLISHED' },
      });
    }
    expect((await outcome(callId, 'hangUp')).body.status).toBe('succeeded');
  });

  it('anything on a call that is over, or that never was', async () => {
    const over = await quietCall();
    await over.end();
    await eventually(
      'the record is closed',
      async () => (await view.actor(over.id, 'describe')).phase !== 'connected',
    );
    expect(await outcome(over.id, 'hangUp')).toMatchObject({ status: 409, body: { code: 'RTV_CALL_ENDED' } });
    expect(await outcome(randomUUID(), 'hangUp')).toMatchObject({
      status: 404,
      body: { code: 'RTV_CALL_UNKNOWN' },
    });
  });
});

describe('a call on hold', () => {
  it('hears nothing of the answer to what it keyed, which is one turn, until it is taken back', async () => {
    const call = await quietCall({
      script: [{ waitMs: 8_000, listen: false }, { dtmf: '12#', listen: false }, { waitMs: 60_000 }],
    });
    const turns = async (): Promise<unknown> => (await view.actor(call.id, 'describe')).turns;
    const frames = (): Promise<number> => view.metric('rtvoice_media_frames_total', { direction: 'out' });
    await eventually('the greeting was heard', async () => (await turns()) === 1);
    const before = await frames();
    // ACS tells nothing of a hold that went well: its outcome is known after 5 s, when the keys have long been answered.
    const held = outcome(call.id, 'hold', { participant: CALLER });
    await eventually('the keys are a turn', async () => (await turns()) === 2);
    expect(await held).toMatchObject(succeeded);
    expect([await turns(), await frames()]).toEqual([2, before]);
    expect(await outcome(call.id, 'unhold', { participant: CALLER })).toMatchObject(succeeded);
    await eventually('the answer was heard', async () => (await turns()) === 3);
    expect(await frames()).toBeGreaterThan(before);
    await call.end();
  });
});

describe('operations whose event never comes', () => {
  const EVENTS = [
    ...['CallTransferAccepted', 'AddParticipantSucceeded', 'RemoveParticipantSucceeded', 'PlayCompleted'],
    ...['PlayCanceled', 'RecognizeCompleted', 'RecognizeFailed', 'ContinuousDtmfRecognitionStopped'],
    ...['SendDtmfTonesCompleted', 'MediaStreamingStopped', 'TranscriptionStopped', 'TranscriptionUpdated'],
    ...['RecordingStateChanged', 'CallDisconnected'],
  ];
  const LOST = [
    'muteParticipant',
    'cancelAllMediaOperations',
    'startContinuousDtmfRecognition',
    'hold',
    'unhold',
  ];
  const faults = [
    ...EVENTS.map((type) => `drop.${type}=1`),
    ...LOST.map((name) => `error500after.${name}=1`),
  ];
  let call: Quiet;
  beforeAll(async () => {
    call = await quietCall({ faults: faults.join(',') });
  });
  afterAll(() => call?.end());

  it.each<[string, object]>([
    ['addParticipant', { participant: COLLEAGUE, sourceNumber: '+15550199' }],
    ['removeParticipant', { participant: COLLEAGUE }],
    ['muteParticipant', { participant: CALLER }],
    ['play', SAY],
    ['cancelAllMedia', {}],
    ['recognizeDtmf', { from: CALLER, maxTones: 1, initialSilenceS: 1 }],
    ['startContinuousDtmf', { from: CALLER }],
    ['stopContinuousDtmf', { from: CALLER }],
    ['sendDtmf', { tones: ['one'], to: CALLER }],
    ['hold', { participant: CALLER }],
    ['unhold', { participant: CALLER }],
    ['stopMediaStreaming', {}],
    ['updateTranscription', { locale: 'en-GB' }],
    ['stopTranscription', {}],
    ['startRecording', {}],
    ['transfer', { target: COLLEAGUE, sourceNumber: '+15550199' }],
  ])('%s has an outcome all the same', async (operation, args) => {
    const answer = await outcome(call.id, operation, args, 2_000);
    expect(answer).toMatchObject({
      status: 200,
      body: { kind: operation, state: 'settled', status: 'timed_out' },
    });
  });

  it('start of a stream', async () => {
    const other = await quietCall({ faults: 'drop.MediaStreamingStarted=1:0,drop.TranscriptionStarted=1' });
    expect((await outcome(other.id, 'stopMediaStreaming')).body.status).toBe('succeeded');
    expect((await outcome(other.id, 'startMediaStreaming', {}, 1_500)).body.status).toBe('timed_out');
    expect((await outcome(other.id, 'stopTranscription')).body.status).toBe('succeeded');
    expect((await outcome(other.id, 'startTranscription', {}, 1_500)).body.status).toBe('timed_out');
    await other.end();
  });

  it('pause, resume and stop of a recording', async () => {
    const other = await quietCall();
    const { body } = await outcome(other.id, 'startRecording');
    const recordingId = body.recordingId ?? '';
    const silent = await quietCall({ faults: 'drop.RecordingStateChanged=1' });
    const quiet = await api('POST', `/calls/${silent.id}/startRecording?deadlineMs=1500`);
    expect(quiet.status).toBe(202);
    const listed = await api('GET', quiet.location?.replace('/api', '') ?? '');
    const silentId = listed.body.recordingId ?? '';
    for (const operation of ['pauseRecording', 'resumeRecording', 'stopRecording']) {
      expect((await outcome(silent.id, operation, { recordingId: silentId }, 1_500)).body.status).toBe(
        'timed_out',
      );
    }
    expect((await outcome(other.id, 'stopRecording', { recordingId })).body.status).toBe('succeeded');
    await Promise.all([other.end(), silent.end()]);
  });

  it('hangUp: its outcome is the deadline, and the call is found to be over', async () => {
    const lost = await quietCall({ faults: 'drop.CallDisconnected=1' });
    const answer = await outcome(lost.id, 'hangUp', {}, 1_500);
    expect(['timed_out', 'call_ended']).toContain(answer.body.status);
    await eventually(
      'ACS was asked',
      async () => (await view.actor(lost.id, 'describe')).phase === 'ended',
      90_000,
      1_000,
    );
  });
});

describe('calls that we make', () => {
  const born = async (callId: string, status: string): Promise<void> => {
    await eventually(`createCall ${status}`, async () => {
      const { body } = await api('GET', `/calls/${callId}/operations`);
      const { operations } = body as unknown as { operations?: Operation[] };
      return operations?.some((one) => one.kind === 'createCall' && one.status === status);
    });
  };

  it('are connected, have sockets, and are ended like others', async () => {
    await callee('+15550300', {});
    const answer = await create(
      { target: '4:+15550300', sourceNumber: '+15550199' },
      { 'idempotency-key': 'out-1' },
    );
    expect(answer.status).toBe(201);
    const callId = created(answer);
    await born(callId, 'succeeded');
    await eventually('a media worker', async () => (await view.actor(callId, 'describe')).mediaWorker !== '');
    const again = await create(
      { target: '4:+15550300', sourceNumber: '+15550199' },
      { 'idempotency-key': 'out-1' },
    );
    expect(again).toMatchObject({ status: 200, body: { callConnectionId: callId, repeated: true } });
    expect((await outcome(callId, 'hangUp')).body.status).toBe('succeeded');
  });

  it('that are declined have failed', async () => {
    await callee('+15550301', { faults: 'invite=decline' });
    await born(created(await create({ target: '4:+15550301', sourceNumber: '+15550199' })), 'failed');
  });

  it('to a number need a caller id', async () => {
    expect(await create({ target: '' })).toMatchObject({
      status: 400,
      body: { code: 'RTV_OPERATION_INVALID' },
    });
  });
});

describe('the API', () => {
  it('is behind its token', async () => {
    for (const authorization of ['', 'Bearer wrong', 'Basic abc']) {
      const answer = await api('GET', '/calls', undefined, { authorization });
      expect(answer.status).toBe(401);
    }
    expect(await view.metric('rtvoice_security_events_total', { door: 'api' })).toBeGreaterThanOrEqual(3);
  });

  it('does an operation once under one key', async () => {
    const call = await quietCall();
    const headers = { 'idempotency-key': 'same', prefer: 'wait=20' };
    const first = await api('POST', `/calls/${call.id}/play`, SAY, headers);
    const second = await api('POST', `/calls/${call.id}/play`, SAY, headers);
    expect(first.body).toMatchObject({ status: 'succeeded', repeated: false });
    expect(second.body).toMatchObject({ id: first.body.id, status: 'succeeded', repeated: true });
    await call.end();
  });

  it('names the fields that are wrong, and no value', async () => {
    const answer = await api('POST', '/calls/x/transfer', { target: 7, secret: 'a name' });
    expect(answer).toMatchObject({ status: 400, body: { code: 'RTV_OPERATION_INVALID' } });
    expect(answer.body.detail).toContain('target');
    expect(JSON.stringify(answer.body)).not.toMatch(/a name|secret/);
    expect((await api('POST', '/calls/x/fly')).body.code).toBe('RTV_OPERATION_UNKNOWN');
  });
});

describe('the audit log', () => {
  const told = async (of: Parameters<StackView['audited']>[0], actions: readonly string[]) =>
    eventually(`audit records ${actions.join()}`, async () => {
      const records = await view.audited(of);
      return actions.every((action) => records.some((record) => record.action === action)) && records;
    });

  it('has each operation: who asked, and what came of it; no party, no word', async () => {
    const call = await quietCall();
    const played = (await outcome(call.id, 'play', SAY)).body;
    const refused = (await outcome(call.id, 'muteParticipant', { participant: STRANGER })).body;
    expect(refused.code).toBe('RTV_ACS_NOT_FOUND');
    await outcome(call.id, 'hangUp');
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
    await callee('+15550320', {});
    const callId = created(await create({ target: '4:+15550320', sourceNumber: '+15550199' }));
    const records = await told({ sessionId: callId }, ['call.create', 'call.control.outcome']);
    expect(records.find(({ action }) => action === 'call.create')).toMatchObject({
      actor: 'api',
      detail: { result: 'created' },
    });
    await outcome(callId, 'hangUp');
  });
});

describe('rtvoice calls', () => {
  it('lists, shows, controls and ends calls, with stable exit codes', async () => {
    const call = await quietCall();
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
