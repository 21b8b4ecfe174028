import type { CommunicationIdentifier } from '@azure/communication-common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestApp, until } from './app.js';
import { type LiveCall, openCall } from './live-call.js';
import { type SimulatorProcess, startSimulatorProcess } from './process.js';

const CALLER: CommunicationIdentifier = { phoneNumber: '+15550100' };
const FRIEND: CommunicationIdentifier = { phoneNumber: '+15550177' };
const NOBODY: CommunicationIdentifier = { phoneNumber: '+15550666' };
const TEXT = { kind: 'textSource', text: 'One moment.' } as const;

let simulator: SimulatorProcess;
let app: TestApp;
const live: LiveCall[] = [];

beforeAll(async () => {
  simulator = await startSimulatorProcess();
});
afterAll(async () => {
  await simulator.stop();
});
beforeEach(async () => {
  app = await new TestApp({ connectionString: simulator.connectionString, replyFrames: 0 }).listen();
});
afterEach(async () => {
  await Promise.all(live.splice(0).map((call) => call.end()));
  await app.close();
});

async function open(...args: Parameters<typeof openCall> extends [unknown, unknown, ...infer R] ? R : never) {
  const call = await openCall(simulator, app, ...args);
  live.push(call);
  return call;
}

async function event(type: string, count = 1): Promise<Record<string, unknown>> {
  await until(type, () => app.of(type).length >= count);
  return app.of(type)[count - 1]?.data ?? {};
}

/** The status and code of an operation that fails. */
async function failure(operation: Promise<unknown>): Promise<[number | undefined, string | undefined]> {
  try {
    await operation;
  } catch (error) {
    const rest = error as { statusCode?: number; code?: string };
    return [rest.statusCode, rest.code];
  }
  throw new Error('the operation did not fail');
}

const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000';

describe('the call connection', () => {
  it('has properties, and ends for good with terminate', async () => {
    const { connection, id, result } = await open();
    const properties = await connection.getCallConnectionProperties();
    expect(properties).toMatchObject({
      callConnectionId: id,
      callConnectionState: 'connected',
      source: { phoneNumber: '+15550100' },
      answeredFor: { phoneNumber: '+15550199' },
      mediaStreamingSubscription: { state: 'active', subscribedContentTypes: ['audio'] },
      transcriptionSubscription: { state: 'active', locale: 'en-US' },
    });
    await connection.hangUp(true);
    expect((await result).outcome).toBe('ended_by_app');
    await event('CallDisconnected');
    expect(await failure(connection.hangUp(true))).toEqual([404, '8522']);
    expect(await failure(connection.getCallConnectionProperties())).toEqual([404, '8522']);
    expect(await failure(connection.getCallMedia().cancelAllOperations())).toEqual([400, '8528']);
  });

  it('ends for one with hangUp(false), and is unknown under another id', async () => {
    const { connection, result } = await open();
    await connection.hangUp(false);
    expect((await result).endedBy).toBe('app');
    const unknown = app.client.getCallConnection(UNKNOWN_ID);
    expect(await failure(unknown.hangUp(false))).toEqual([404, '8522']);
    expect(await failure(unknown.getCallMedia().playToAll([TEXT]))).toEqual([404, '8522']);
  });

  it('is transferred, or stays when the target does not take it', async () => {
    const { connection, result } = await open();
    expect(await connection.transferCallToParticipant(FRIEND, { operationContext: 'ctx-t' })).toMatchObject({
      operationContext: 'ctx-t',
    });
    expect(await event('CallTransferAccepted')).toMatchObject({
      operationContext: 'ctx-t',
      transferTarget: { rawId: '4:+15550177' },
      transferee: { rawId: '4:+15550100' },
    });
    expect((await result).outcome).toBe('transferred');

    const other = await open({ faults: 'invite=decline' });
    await other.connection.transferCallToParticipant(FRIEND);
    expect(await event('CallTransferFailed')).toMatchObject({ resultInformation: { code: 603 } });
    expect((await other.connection.getCallConnectionProperties()).callConnectionState).toBe('connected');
  });
});

describe('an incoming call', () => {
  it('is answered once: answering again is a conflict', async () => {
    let context = '';
    await app.close();
    app = await new TestApp({
      connectionString: simulator.connectionString,
      replyFrames: 0,
      onIncoming: async (self, incoming) => {
        context = incoming;
        await self.answer(incoming);
        return 200;
      },
    }).listen();
    await open();
    expect(context.length).toBeGreaterThan(3000);
    expect(await failure(app.answer(context))).toEqual([409, '8519']);
    expect(await failure(app.client.rejectCall(context))).toEqual([409, '8519']);
    expect(await failure(app.answer('eyJunknown'))).toEqual([404, '8522']);
  });

  it('can be redirected', async () => {
    await app.close();
    app = await new TestApp({
      connectionString: simulator.connectionString,
      onIncoming: async (self, incoming) => {
        await self.client.redirectCall(incoming, { targetParticipant: FRIEND as { phoneNumber: string } });
        return 200;
      },
    }).listen();
    const result = await simulator.client.placeCall({ incomingUrl: `${app.url}/incoming` });
    expect(result).toMatchObject({ outcome: 'redirected', endedBy: 'app' });
  });
});

describe('an outgoing call', () => {
  async function call(number: string) {
    const invite = {
      targetParticipant: { phoneNumber: number },
      sourceCallIdNumber: { phoneNumber: '+15550199' },
    };
    const { mediaStreamingOptions } = app.answerOptions();
    return app.client.createCall(invite, `${app.url}/callbacks`, {
      operationContext: 'ctx-out',
      ...(mediaStreamingOptions ? { mediaStreamingOptions } : {}),
    });
  }

  it('reaches a callee who speaks', async () => {
    await simulator.client.json('POST', '/callees', {
      number: '+15550155',
      script: [{ say: 'Hello?', listen: false }, { waitMs: 60_000 }],
    });
    const { callConnectionProperties, callConnection } = await call('+15550155');
    expect(callConnectionProperties.targetParticipants).toMatchObject([{ phoneNumber: '+15550155' }]);
    expect(await event('CallConnected')).toMatchObject({ operationContext: 'ctx-out' });
    await event('MediaStreamingStarted');
    await until('speech', () =>
      app.media.some((message) => (message.audioData as { silent?: boolean } | undefined)?.silent === false),
    );
    await callConnection.hangUp(true);
    await event('CallDisconnected');
  });

  it('refuses mid-call actions until it is connected', async () => {
    await simulator.client.json('POST', '/callees', { number: '+15550157', faults: 'invite=never' });
    const { callConnection } = await call('+15550157');
    expect((await callConnection.getCallConnectionProperties()).callConnectionState).toBe('connecting');
    expect(await failure(callConnection.getCallMedia().playToAll([TEXT]))).toEqual([400, '8501']);
    expect(
      await failure(callConnection.addParticipant({ targetParticipant: { phoneNumber: '+15550177' } })),
    ).toEqual([400, '8501']);
    await callConnection.hangUp(true);
  });

  it('fails with an event when it is declined', async () => {
    await simulator.client.json('POST', '/callees', { number: '+15550156', faults: 'invite=decline' });
    const { callConnection } = await call('+15550156');
    expect(await event('CreateCallFailed')).toMatchObject({
      operationContext: 'ctx-out',
      resultInformation: { code: 603 },
    });
    expect(await failure(callConnection.hangUp(true))).toEqual([404, '8522']);
  });
});

describe('participants', () => {
  it('are listed, found, added, muted and removed', async () => {
    const { connection } = await open();
    const before = await connection.listParticipants();
    expect(before.values).toHaveLength(2);
    expect(await connection.getParticipant(CALLER)).toMatchObject({ isMuted: false, isOnHold: false });
    expect(await failure(connection.getParticipant(NOBODY))).toEqual([404, '8523']);

    const updates = app.of('ParticipantsUpdated').length;
    const added = await connection.addParticipant(
      { targetParticipant: FRIEND as { phoneNumber: string } },
      { operationContext: 'ctx-add' },
    );
    expect(added).toMatchObject({ operationContext: 'ctx-add', participant: { identifier: FRIEND } });
    expect(await event('AddParticipantSucceeded')).toMatchObject({
      operationContext: 'ctx-add',
      participant: { rawId: '4:+15550177' },
    });
    await event('ParticipantsUpdated', updates + 1);
    expect((await connection.listParticipants()).values).toHaveLength(3);
    expect(
      await failure(connection.addParticipant({ targetParticipant: FRIEND as { phoneNumber: string } })),
    ).toEqual([400, '8500']);

    await connection.muteParticipant(FRIEND);
    expect((await connection.getParticipant(FRIEND)).isMuted).toBe(true);
    expect(await failure(connection.muteParticipant(NOBODY))).toEqual([404, '8523']);

    await connection.removeParticipant(FRIEND, { operationContext: 'ctx-remove' });
    expect(await event('RemoveParticipantSucceeded')).toMatchObject({ operationContext: 'ctx-remove' });
    expect(await failure(connection.removeParticipant(FRIEND))).toEqual([404, '8523']);
  });

  it('may decline, and an invitation can be cancelled', async () => {
    const declining = await open({ faults: 'invite=decline' });
    await declining.connection.addParticipant({ targetParticipant: FRIEND as { phoneNumber: string } });
    expect(await event('AddParticipantFailed')).toMatchObject({ resultInformation: { code: 603 } });

    const slow = await open({ faults: 'invite=noanswer' });
    const { invitationId } = await slow.connection.addParticipant({
      targetParticipant: FRIEND as { phoneNumber: string },
    });
    await slow.connection.cancelAddParticipantOperation(invitationId ?? '', { operationContext: 'ctx-c' });
    expect(await event('CancelAddParticipantSucceeded')).toMatchObject({
      operationContext: 'ctx-c',
      invitationId,
    });
    await slow.connection.cancelAddParticipantOperation(UNKNOWN_ID);
    await event('CancelAddParticipantFailed');
    expect(app.of('AddParticipantSucceeded')).toHaveLength(0);
  });
});

describe('media actions', () => {
  it('play a text to its end, cancel what runs, and fail on a missing file', async () => {
    const { connection, end } = await open();
    const media = connection.getCallMedia();
    await media.playToAll([TEXT], { operationContext: 'ctx-play', loop: false });
    expect(await event('PlayStarted')).toMatchObject({ operationContext: 'ctx-play' });
    expect(await event('PlayCompleted')).toMatchObject({
      operationContext: 'ctx-play',
      resultInformation: { code: 200 },
    });
    await media.play([TEXT], [CALLER], { operationContext: 'ctx-loop', loop: true });
    await event('PlayStarted', 2);
    await media.cancelAllOperations();
    expect(await event('PlayCanceled')).toMatchObject({ resultInformation: { code: 400, subCode: 8508 } });
    await media.playToAll([{ kind: 'fileSource', url: `${app.url.replace(/\d+$/, '9')}/none.wav` }]);
    expect(await event('PlayFailed')).toMatchObject({
      resultInformation: { subCode: 8536 },
      failedPlaySourceIndex: 0,
    });
    expect(await failure(media.play([TEXT], [NOBODY]))).toEqual([404, '8523']);
    const heard = await end();
    expect(heard.turns.some((turn) => turn.role === 'agent')).toBe(true);
  });

  it('recognize keys up to their number, or fail in silence', async () => {
    const { connection } = await open({
      script: [{ waitMs: 1500 }, { dtmf: '42', listen: false }, { waitMs: 60_000 }],
    });
    const media = connection.getCallMedia();
    await media.startRecognizing(CALLER, {
      kind: 'callMediaRecognizeDtmfOptions',
      maxTonesToCollect: 2,
      initialSilenceTimeoutInSeconds: 10,
      operationContext: 'ctx-rec',
    });
    const second = { kind: 'callMediaRecognizeDtmfOptions', initialSilenceTimeoutInSeconds: 0.1 } as const;
    expect(await failure(media.startRecognizing(CALLER, { ...second }))).toEqual([412, '8583']);
    expect(await event('RecognizeCompleted')).toMatchObject({
      operationContext: 'ctx-rec',
      recognitionType: 'dtmf',
      dtmfResult: { tones: ['four', 'two'] },
    });
    await media.startRecognizing(CALLER, { ...second });
    expect(await event('RecognizeFailed')).toMatchObject({ resultInformation: { code: 400, subCode: 8510 } });
    await media.startRecognizing(CALLER, { ...second, initialSilenceTimeoutInSeconds: 30 });
    await media.cancelAllOperations();
    expect(await event('RecognizeCanceled')).toMatchObject({ resultInformation: { subCode: 8508 } });
  });

  it('recognize a choice in what the caller says', async () => {
    const { connection } = await open({
      script: [{ waitMs: 1000 }, { say: 'I want to speak to claims.', listen: false }, { waitMs: 60_000 }],
    });
    await connection.getCallMedia().startRecognizing(CALLER, {
      kind: 'callMediaRecognizeChoiceOptions',
      initialSilenceTimeoutInSeconds: 20,
      choices: [
        { label: 'Sales', phrases: ['sales'] },
        { label: 'Claims', phrases: ['claims'] },
      ],
    });
    expect(await event('RecognizeCompleted')).toMatchObject({
      recognitionType: 'choices',
      choiceResult: { label: 'Claims', recognizedPhrase: 'claims' },
    });
  });

  it('report each key while continuous recognition is on', async () => {
    const { connection } = await open({
      script: [{ waitMs: 1500 }, { dtmf: '1*', listen: false }, { waitMs: 60_000 }],
    });
    const media = connection.getCallMedia();
    await media.startContinuousDtmfRecognition(CALLER, { operationContext: 'ctx-dtmf' });
    await event('ContinuousDtmfRecognitionToneReceived', 2);
    expect(app.of('ContinuousDtmfRecognitionToneReceived').map((received) => received.data)).toMatchObject([
      { tone: 'one', sequenceId: 1, operationContext: 'ctx-dtmf' },
      { tone: 'asterisk', sequenceId: 2 },
    ]);
    await media.stopContinuousDtmfRecognition(CALLER);
    await event('ContinuousDtmfRecognitionStopped');
    expect(await failure(media.startContinuousDtmfRecognition(NOBODY))).toEqual([404, '8523']);
  });

  it('send tones, hold and unhold', async () => {
    const { connection } = await open();
    const media = connection.getCallMedia();
    await media.sendDtmfTones(['one', 'pound'], CALLER, { operationContext: 'ctx-send' });
    expect(await event('SendDtmfTonesCompleted')).toMatchObject({ operationContext: 'ctx-send' });
    expect(await failure(media.sendDtmfTones(['one'], NOBODY))).toEqual([404, '8523']);
    await media.hold(CALLER);
    expect((await connection.getParticipant(CALLER)).isOnHold).toBe(true);
    await media.unhold(CALLER);
    expect((await connection.getParticipant(CALLER)).isOnHold).toBe(false);
    expect(await failure(media.unhold(CALLER))).toEqual([412, '8583']);
  });
});

describe('streaming', () => {
  it('stops and starts again with a new socket', async () => {
    const { connection } = await open();
    const media = connection.getCallMedia();
    expect(await failure(media.startMediaStreaming())).toEqual([412, '8583']);
    await media.stopMediaStreaming({ operationContext: 'ctx-stop' });
    expect(await event('MediaStreamingStopped')).toMatchObject({ operationContext: 'ctx-stop' });
    expect(await failure(media.stopMediaStreaming())).toEqual([412, '8583']);
    await media.startMediaStreaming({ operationContext: 'ctx-start' });
    expect(await event('MediaStreamingStarted', 2)).toMatchObject({
      operationContext: 'ctx-start',
      mediaStreamingUpdate: { mediaStreamingStatus: 'mediaStreamingStarted' },
    });
    expect(app.upgrades.filter((upgrade) => upgrade.url === '/media')).toHaveLength(2);
    await media.stopTranscription();
    await event('TranscriptionStopped');
    await media.startTranscription({ locale: 'en-GB' });
    await event('TranscriptionStarted', 2);
    await media.updateTranscription('de-DE');
    await event('TranscriptionUpdated');
    expect(await failure(media.startTranscription())).toEqual([412, '8583']);
  });

  it('is refused in a call that was answered without it', async () => {
    await app.close();
    app = await new TestApp({
      connectionString: simulator.connectionString,
      onIncoming: async (self, context) => {
        const { callConnectionProperties } = await self.client.answerCall(context, `${self.url}/callbacks`);
        self.callIds.push(callConnectionProperties.callConnectionId ?? '');
        return 200;
      },
    }).listen();
    const { connection } = await open({}, () => true);
    expect(await failure(connection.getCallMedia().startMediaStreaming())).toEqual([400, '8500']);
    expect(await failure(connection.getCallMedia().stopTranscription())).toEqual([400, '8500']);
  });
});

describe('recordings', () => {
  it('start, pause, resume and stop, each with its event', async () => {
    const { connection, id, end } = await open();
    const recording = app.client.getCallRecording();
    const { serverCallId } = await connection.getCallConnectionProperties();
    const started = await recording.start({
      callLocator: { id: serverCallId ?? '', kind: 'serverCallLocator' },
      recordingStateCallbackEndpointUrl: `${app.url}/callbacks`,
    });
    const recordingId = started.recordingId ?? '';
    expect(started.recordingState).toBe('active');
    expect(await event('RecordingStateChanged')).toMatchObject({ recordingId, state: 'active' });
    await recording.pause(recordingId);
    expect((await recording.getState(recordingId)).recordingState).toBe('inactive');
    await recording.resume(recordingId);
    expect((await recording.getState(recordingId)).recordingState).toBe('active');
    await recording.stop(recordingId);
    await event('RecordingStateChanged', 4);
    expect(await failure(recording.getState(recordingId))).toEqual([404, '8522']);
    await end();
    expect(await failure(recording.start({ callConnectionId: id }))).toEqual([404, '8522']);
  });
});
