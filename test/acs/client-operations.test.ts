import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAcs } from '../../src/acs/client.js';
import type { AcsClient, AcsResult } from '../../src/acs/client-types.js';
import { repeatabilityIdFor } from '../../src/acs/repeatability.js';
import { type AcsServer, startAcsServer } from './acs-server.js';

const CALL = 'call-0001';
const AT = `/calling/callConnections/${CALL}`;
const PHONE = '4:+15550100';
const USER = '8:acs:aaaa_bbbb';
const phone = { kind: 'phoneNumber', rawId: PHONE, phoneNumber: { value: '+15550100', isAnonymous: false } };
const user = { kind: 'communicationUser', rawId: USER, communicationUser: { id: USER } };
// Media requests carry identifiers without `kind`.
const { kind: _kind, ...barePhone } = phone;

let server: AcsServer;
let acs: AcsClient;

beforeAll(async () => {
  server = await startAcsServer();
  acs = createAcs({ connectionString: server.connectionString, allowInsecure: true, deadlineMs: 4000 });
});
afterAll(async () => {
  acs.close();
  await server.close();
});
beforeEach(() => {
  server.requests.length = 0;
  server.next.length = 0;
});

interface Case {
  readonly name: string;
  readonly run: (acs: AcsClient) => Promise<AcsResult<unknown>>;
  readonly status: number;
  readonly reply?: unknown;
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  readonly value?: unknown;
  /** ACS knows the repeatability-request-id of this operation. */
  readonly repeatable?: boolean;
}

const properties = {
  callConnectionId: CALL,
  serverCallId: 'server-1',
  correlationId: 'corr-1',
  callConnectionState: 'connecting',
  mediaStreamingSubscription: { id: 's', state: 'active', subscribedContentTypes: ['audio'] },
};
const answered = {
  callConnectionId: CALL,
  serverCallId: 'server-1',
  correlationId: 'corr-1',
  state: 'connecting',
};
const setup = {
  callbackUri: 'https://example.test/cb',
  mediaUrl: 'wss://example.test/media',
  transcriptionUrl: 'wss://example.test/transcription',
  locale: 'en-US',
  sampleRate: 16_000 as const,
  operationContext: 'op-1',
};
const streaming = {
  mediaStreamingOptions: {
    transportType: 'websocket',
    transportUrl: 'wss://example.test/media',
    contentType: 'audio',
    audioChannelType: 'mixed',
    audioFormat: 'Pcm16KMono',
    startMediaStreaming: true,
    enableBidirectional: true,
    enableDtmfTones: true,
  },
  transcriptionOptions: {
    transportType: 'websocket',
    transportUrl: 'wss://example.test/transcription',
    locale: 'en-US',
    startTranscription: true,
    enableIntermediateResults: true,
  },
};
const op = { operationContext: 'op-1' };

const CASES: readonly Case[] = [
  {
    name: 'answer',
    run: (a) => a.answer({ ...setup, incomingCallContext: 'context' }),
    status: 200,
    reply: properties,
    path: '/calling/callConnections:answer',
    body: {
      incomingCallContext: 'context',
      callbackUri: setup.callbackUri,
      operationContext: 'op-1',
      ...streaming,
    },
    value: answered,
    repeatable: true,
  },
  {
    name: 'answer at 24 kHz, unmixed, without transcription',
    run: (a) =>
      a.answer({
        incomingCallContext: 'context',
        callbackUri: setup.callbackUri,
        mediaUrl: setup.mediaUrl,
        locale: 'en-US',
        sampleRate: 24_000,
        channels: 'unmixed',
        cognitiveServicesEndpoint: 'https://example.test/cognitive',
      }),
    status: 200,
    reply: properties,
    path: '/calling/callConnections:answer',
    body: {
      incomingCallContext: 'context',
      callbackUri: setup.callbackUri,
      callIntelligenceOptions: { cognitiveServicesEndpoint: 'https://example.test/cognitive' },
      mediaStreamingOptions: {
        ...streaming.mediaStreamingOptions,
        audioFormat: 'Pcm24KMono',
        audioChannelType: 'unmixed',
      },
    },
    value: answered,
    repeatable: true,
  },
  {
    name: 'reject',
    run: (a) => a.reject('context', { reason: 'forbidden' }),
    status: 204,
    path: '/calling/callConnections:reject',
    body: { incomingCallContext: 'context', callRejectReason: 'forbidden' },
    repeatable: true,
  },
  {
    name: 'redirect',
    run: (a) => a.redirect('context', USER),
    status: 204,
    path: '/calling/callConnections:redirect',
    body: { incomingCallContext: 'context', target: user },
    repeatable: true,
  },
  {
    name: 'createCall',
    run: (a) => a.createCall({ ...setup, target: PHONE, sourceNumber: '+15550199' }),
    status: 201,
    reply: properties,
    path: '/calling/callConnections',
    body: {
      targets: [phone],
      sourceCallerIdNumber: { value: '+15550199', isAnonymous: false },
      callbackUri: setup.callbackUri,
      operationContext: 'op-1',
      ...streaming,
    },
    value: answered,
    repeatable: true,
  },
  {
    name: 'properties',
    run: (a) => a.properties(CALL),
    status: 200,
    reply: properties,
    method: 'GET',
    path: AT,
    value: { ...answered, mediaStreaming: 'active' },
  },
  { name: 'hangUp', run: (a) => a.hangUp(CALL), status: 204, method: 'DELETE', path: AT },
  {
    name: 'hangUp for everyone',
    run: (a) => a.hangUp(CALL, { forEveryone: true }),
    status: 204,
    path: `${AT}:terminate`,
    repeatable: true,
  },
  {
    name: 'transfer',
    run: (a) => a.transfer(CALL, { ...op, target: PHONE, transferee: USER, sourceNumber: '+15550199' }),
    status: 202,
    reply: {},
    path: `${AT}:transferToParticipant`,
    body: {
      targetParticipant: phone,
      operationContext: 'op-1',
      transferee: user,
      customCallingContext: { voipHeaders: {}, sipHeaders: {} },
      sourceCallerIdNumber: { value: '+15550199', isAnonymous: false },
    },
    repeatable: true,
  },
  {
    name: 'listParticipants',
    run: (a) => a.listParticipants(CALL),
    status: 200,
    reply: {
      value: [
        { identifier: phone, isMuted: true, isOnHold: false },
        { identifier: user, isMuted: false, isOnHold: true },
      ],
    },
    method: 'GET',
    path: `${AT}/participants`,
    value: [
      { rawId: PHONE, kind: 'phoneNumber', phoneNumber: '+15550100', isMuted: true, isOnHold: false },
      { rawId: USER, kind: 'communicationUser', isMuted: false, isOnHold: true },
    ],
  },
  {
    name: 'addParticipant',
    run: (a) =>
      a.addParticipant(CALL, {
        ...op,
        participant: PHONE,
        sourceNumber: '+15550199',
        invitationTimeoutS: 30,
      }),
    status: 202,
    reply: { invitationId: 'invite-1' },
    path: `${AT}/participants:add`,
    body: {
      participantToAdd: phone,
      sourceCallerIdNumber: { value: '+15550199', isAnonymous: false },
      invitationTimeoutInSeconds: 30,
      operationContext: 'op-1',
      customCallingContext: { voipHeaders: {}, sipHeaders: {} },
    },
    value: { invitationId: 'invite-1' },
    repeatable: true,
  },
  {
    name: 'removeParticipant',
    run: (a) => a.removeParticipant(CALL, USER, op),
    status: 202,
    reply: {},
    path: `${AT}/participants:remove`,
    body: { participantToRemove: user, operationContext: 'op-1' },
    repeatable: true,
  },
  {
    name: 'muteParticipant',
    run: (a) => a.muteParticipant(CALL, USER, op),
    status: 200,
    reply: {},
    path: `${AT}/participants:mute`,
    body: { targetParticipants: [user], operationContext: 'op-1' },
    repeatable: true,
  },
  {
    name: 'play to one',
    run: (a) => a.play(CALL, { ...op, sources: [{ kind: 'text', text: 'Hello', voice: 'v' }], to: [PHONE] }),
    status: 202,
    path: `${AT}:play`,
    body: {
      playSources: [{ kind: 'text', text: { text: 'Hello', voiceName: 'v' } }],
      playTo: [barePhone],
      playOptions: { loop: false },
      operationContext: 'op-1',
    },
  },
  {
    name: 'play to all',
    run: (a) =>
      a.play(CALL, {
        ...op,
        sources: [
          { kind: 'file', url: 'https://example.test/a.wav' },
          { kind: 'ssml', ssml: '<speak/>' },
        ],
        loop: true,
        interrupt: true,
      }),
    status: 202,
    path: `${AT}:play`,
    body: {
      playSources: [
        { kind: 'file', file: { uri: 'https://example.test/a.wav' } },
        { kind: 'ssml', ssml: { ssmlText: '<speak/>' } },
      ],
      playTo: [],
      interruptCallMediaOperation: true,
      playOptions: { loop: true },
      operationContext: 'op-1',
    },
  },
  {
    name: 'cancelAllMedia',
    run: (a) => a.cancelAllMedia(CALL),
    status: 202,
    path: `${AT}:cancelAllMediaOperations`,
  },
  {
    name: 'recognizeDtmf',
    run: (a) =>
      a.recognizeDtmf(CALL, {
        ...op,
        from: PHONE,
        maxTones: 4,
        stopTones: ['pound'],
        initialSilenceS: 7,
        interToneS: 3,
        interruptPrompt: true,
        prompt: { kind: 'text', text: 'Your number?' },
      }),
    status: 202,
    path: `${AT}:recognize`,
    body: {
      recognizeInputType: 'dtmf',
      playPrompt: { kind: 'text', text: { text: 'Your number?' } },
      recognizeOptions: {
        interruptPrompt: true,
        initialSilenceTimeoutInSeconds: 7,
        targetParticipant: barePhone,
        dtmfOptions: { interToneTimeoutInSeconds: 3, maxTonesToCollect: 4, stopTones: ['pound'] },
      },
      operationContext: 'op-1',
    },
  },
  {
    name: 'startContinuousDtmf',
    run: (a) => a.startContinuousDtmf(CALL, PHONE, op),
    status: 200,
    path: `${AT}:startContinuousDtmfRecognition`,
    body: { targetParticipant: barePhone, operationContext: 'op-1' },
  },
  {
    name: 'stopContinuousDtmf',
    run: (a) => a.stopContinuousDtmf(CALL, PHONE, op),
    status: 200,
    path: `${AT}:stopContinuousDtmfRecognition`,
    body: { targetParticipant: barePhone, operationContext: 'op-1' },
  },
  {
    name: 'sendDtmf',
    run: (a) => a.sendDtmf(CALL, ['one', 'asterisk'], PHONE, op),
    status: 202,
    reply: {},
    path: `${AT}:sendDtmfTones`,
    body: { tones: ['one', 'asterisk'], targetParticipant: barePhone, operationContext: 'op-1' },
    repeatable: true,
  },
  {
    name: 'hold',
    run: (a) => a.hold(CALL, PHONE, { ...op, music: { kind: 'file', url: 'https://example.test/m.wav' } }),
    status: 200,
    path: `${AT}:hold`,
    body: {
      targetParticipant: barePhone,
      playSourceInfo: { kind: 'file', file: { uri: 'https://example.test/m.wav' } },
      operationContext: 'op-1',
    },
  },
  {
    name: 'unhold',
    run: (a) => a.unhold(CALL, PHONE, op),
    status: 200,
    path: `${AT}:unhold`,
    body: { targetParticipant: barePhone, operationContext: 'op-1' },
  },
  {
    name: 'startMediaStreaming',
    run: (a) => a.startMediaStreaming(CALL, op),
    status: 202,
    path: `${AT}:startMediaStreaming`,
    body: op,
  },
  {
    name: 'stopMediaStreaming',
    run: (a) => a.stopMediaStreaming(CALL, op),
    status: 202,
    path: `${AT}:stopMediaStreaming`,
    body: op,
  },
  {
    name: 'startTranscription',
    run: (a) => a.startTranscription(CALL, { ...op, locale: 'de-DE' }),
    status: 202,
    path: `${AT}:startTranscription`,
    body: { ...op, locale: 'de-DE' },
  },
  {
    name: 'stopTranscription',
    run: (a) => a.stopTranscription(CALL, op),
    status: 202,
    path: `${AT}:stopTranscription`,
    body: op,
  },
  {
    name: 'updateTranscription',
    run: (a) => a.updateTranscription(CALL, 'fr-FR', op),
    status: 202,
    path: `${AT}:updateTranscription`,
    body: { ...op, locale: 'fr-FR' },
  },
  {
    name: 'startRecording',
    run: (a) =>
      a.startRecording({
        callConnectionId: CALL,
        stateCallbackUri: 'https://example.test/cb',
        content: 'audio',
        channel: 'mixed',
        format: 'wav',
      }),
    status: 200,
    reply: { recordingId: 'rec-1', recordingState: 'active', recordingKind: 'azureCommunicationServices' },
    path: '/calling/recordings',
    body: {
      callConnectionId: CALL,
      recordingStateCallbackUri: 'https://example.test/cb',
      recordingContentType: 'audio',
      recordingChannelType: 'mixed',
      recordingFormatType: 'wav',
    },
    value: { recordingId: 'rec-1', state: 'active' },
    repeatable: true,
  },
  {
    name: 'recordingState',
    run: (a) => a.recordingState('rec-1'),
    status: 200,
    reply: { recordingId: 'rec-1', recordingState: 'inactive' },
    method: 'GET',
    path: '/calling/recordings/rec-1',
    value: { recordingId: 'rec-1', state: 'inactive' },
  },
  {
    name: 'pauseRecording',
    run: (a) => a.pauseRecording('rec-1'),
    status: 202,
    path: '/calling/recordings/rec-1:pause',
  },
  {
    name: 'resumeRecording',
    run: (a) => a.resumeRecording('rec-1'),
    status: 202,
    path: '/calling/recordings/rec-1:resume',
  },
  {
    name: 'stopRecording',
    run: (a) => a.stopRecording('rec-1'),
    status: 204,
    method: 'DELETE',
    path: '/calling/recordings/rec-1',
  },
];

describe('each operation on the wire', () => {
  it.each(CASES.map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    server.next.push(
      one.reply === undefined ? { status: one.status } : { status: one.status, body: one.reply },
    );
    const result = await one.run(acs);
    expect(result).toEqual({ ok: true, value: one.value });
    expect(server.requests).toHaveLength(1);
    const [sent] = server.requests;
    expect(sent).toMatchObject({
      method: one.method ?? 'POST',
      path: one.path,
      apiVersion: '2026-03-12',
      signed: true,
    });
    expect(sent?.body).toEqual(one.body);
    const id = sent?.headers['repeatability-request-id'];
    if (one.repeatable) expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    else expect(id).toBeUndefined();
  });

  it.each(CASES.map((one) => [one.name, one] as const))('%s: conflict, then hang', async (_name, one) => {
    server.next.push({ status: 409, body: { error: { code: '8519', message: `about ${PHONE}` } } });
    const conflict = await one.run(acs);
    expect(conflict).toEqual({
      ok: false,
      code: 'RTV_ACS_CONFLICT',
      status: 409,
      subCode: 8519,
      retryable: true,
      unknown: false,
    });
    server.next.push('hang');
    const quick = createAcs({
      connectionString: server.connectionString,
      allowInsecure: true,
      deadlineMs: 60,
    });
    const startedMs = performance.now();
    const hung = await one.run(quick);
    expect(performance.now() - startedMs).toBeLessThan(3000);
    expect(hung).toEqual({ ok: false, code: 'RTV_ACS_TIMED_OUT', retryable: true, unknown: true });
    quick.close();
  });
});

describe('identity of a request', () => {
  const request = {
    ...setup,
    incomingCallContext: 'context',
    repeatabilityId: repeatabilityIdFor('corr-1'),
    firstSentMs: Date.UTC(2025, 0, 2, 3, 4, 5),
  };

  it('is the same for a redelivered IncomingCall', async () => {
    const reply = { status: 200, body: properties };
    server.next.push(reply, reply);
    await acs.answer(request);
    await acs.answer(request);
    const ids = server.requests.map((sent) => sent.headers['repeatability-request-id']);
    expect(ids).toEqual([request.repeatabilityId, request.repeatabilityId]);
    expect(server.requests[1]?.headers['repeatability-first-sent']).toBe('Thu, 02 Jan 2025 03:04:05 GMT');
  });

  it('does not leak between operations that run together', async () => {
    const reply = { status: 200, body: properties };
    server.answer = () => reply;
    const ids = Array.from({ length: 20 }, (_, index) => repeatabilityIdFor(`corr-${index}`));
    await Promise.all(
      ids.map((id) => acs.answer({ ...request, incomingCallContext: id, repeatabilityId: id })),
    );
    server.answer = () => ({ status: 202 });
    for (const sent of server.requests) {
      expect(sent.headers['repeatability-request-id']).toBe(sent.body?.incomingCallContext);
    }
    expect(new Set(ids).size).toBe(20);
  });

  it('keeps connections open between operations', async () => {
    const reply = { status: 200, body: properties };
    server.next.push(reply, reply, reply);
    for (let n = 0; n < 3; n += 1) await acs.properties(CALL);
    expect(new Set(server.requests.map((sent) => sent.connection)).size).toBe(1);
  });
});
