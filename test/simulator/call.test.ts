import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { decodeWav } from '../../src/audio/wav.js';
import type { CallProgress } from '../../src/simulator/client.js';
import { TestApp, type TestAppOptions } from './app.js';
import { type SimulatorProcess, startSimulatorProcess } from './process.js';

let simulator: SimulatorProcess;
const apps: TestApp[] = [];

beforeAll(async () => {
  simulator = await startSimulatorProcess();
});
afterAll(async () => {
  await simulator.stop();
});
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

async function startApp(options: Partial<TestAppOptions> = {}): Promise<TestApp> {
  const app = await new TestApp({ connectionString: simulator.connectionString, ...options }).listen();
  apps.push(app);
  return app;
}

describe('a simulated call', () => {
  it('is answered, heard, transcribed and hung up by the caller', async () => {
    const app = await startApp();
    const progress: CallProgress[] = [];
    const result = await simulator.client.placeCall(
      {
        script: [{ say: 'I would like to report a claim.' }, { say: 'My car was hit.', dtmf: '12#' }],
        incomingUrl: `${app.url}/incoming`,
      },
      (line) => progress.push(line),
    );
    expect(result.outcome).toBe('completed');
    expect(result.endedBy).toBe('caller');
    expect(result.callConnectionId).toBe(app.callIds[0]);
    expect(result.turns.map((turn) => turn.role)).toEqual(['agent', 'user', 'agent', 'user', 'agent']);
    expect(result.turns.map((turn) => turn.text)).toEqual([
      '',
      'I would like to report a claim.',
      '',
      'My car was hit.',
      '',
    ]);
    for (const [index, turn] of result.turns.entries()) {
      expect(turn.endedMs).toBeGreaterThan(turn.startedMs);
      expect(turn.startedMs).toBeGreaterThanOrEqual(result.turns[index - 1]?.endedMs ?? 0);
    }
    expect(result.noReplies).toBe(0);
    expect(result.audio.framesReceived).toBe(30);
    // 50 frames a second for as long as the media socket was open.
    expect(Math.abs(result.audio.framesSent - result.durationMs / 20)).toBeLessThan(25);
    expect(progress.map((line) => line.event)).toEqual(
      expect.arrayContaining(['ringing', 'answered', 'connected', 'media', 'turn', 'end']),
    );

    const types = app.events.map((event) => event.type.replace('Microsoft.Communication.', ''));
    expect(types.indexOf('ParticipantsUpdated')).toBeLessThan(types.indexOf('CallConnected'));
    expect(types).toContain('MediaStreamingStarted');
    expect(types).toContain('TranscriptionStarted');
    expect(types.at(-1)).toBe('CallDisconnected');
    expect(app.of('CallConnected')[0]?.data).toMatchObject({
      operationContext: 'ctx-answer',
      callConnectionId: result.callConnectionId,
      resultInformation: { code: 200, subCode: 0 },
      publicEventType: 'Microsoft.Communication.CallConnected',
    });

    const [metadata, ...rest] = app.media;
    expect(metadata).toMatchObject({
      kind: 'AudioMetadata',
      audioMetadata: { encoding: 'PCM', sampleRate: 16000, channels: 1, length: 640 },
    });
    expect(rest.filter((message) => message.kind === 'DtmfData').map((message) => message.dtmfData)).toEqual([
      { data: '1' },
      { data: '2' },
      { data: '#' },
    ]);
    const frames = rest.filter((message) => message.kind === 'AudioData').map((message) => message.audioData);
    expect(
      frames.every((frame) => Buffer.from((frame as { data: string }).data, 'base64').length === 640),
    ).toBe(true);
    expect(frames.some((frame) => (frame as { silent: boolean }).silent)).toBe(true);
    expect(frames.some((frame) => !(frame as { silent: boolean }).silent)).toBe(true);

    const transcripts = app.transcripts.map(
      (message) => message.transcriptionData as Record<string, unknown>,
    );
    const finals = transcripts.filter((data) => data?.resultStatus === 'Final');
    expect(finals.map((data) => data.text)).toEqual(['I would like to report a claim.', 'My car was hit.']);
    expect(finals[0]?.participantRawID).toBe('4:+15550100');
    const words = finals[0]?.words as Array<{ text: string; offset: number; duration: number }>;
    expect(words.map((word) => word.text).join(' ')).toBe(finals[0]?.text);
    expect(words.every((word, i) => i === 0 || word.offset > (words[i - 1]?.offset ?? 0))).toBe(true);
    expect(Math.abs(Number(finals[0]?.offset) / 10_000 - (result.turns[1]?.startedMs ?? 0))).toBeLessThan(1);
    expect(transcripts.some((data) => data?.resultStatus === 'Intermediate')).toBe(true);
  });

  it('signs callbacks and upgrades with tokens that its key set verifies, a new one each', async () => {
    const app = await startApp();
    await simulator.client.placeCall({ script: [{ say: 'Hello.' }], incomingUrl: `${app.url}/incoming` });
    const tokens = [
      ...app.events.map((event) => event.authorization),
      ...app.upgrades.map((upgrade) => upgrade.headers.authorization),
    ];
    const keys = createRemoteJWKSet(new URL(simulator.jwksUrl));
    for (const token of tokens) {
      const { payload, protectedHeader } = await jwtVerify((token ?? '').replace(/^Bearer /, ''), keys, {
        issuer: simulator.issuer,
        audience: simulator.resourceId,
      });
      expect(protectedHeader.alg).toBe('RS256');
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);
    }
    expect(new Set(tokens).size).toBe(tokens.length);
    expect(app.upgrades.map((upgrade) => upgrade.headers['x-ms-call-connection-id'])).toEqual([
      app.callIds[0],
      app.callIds[0],
    ]);
    const config = (await (
      await fetch(`${simulator.url}/calling/.well-known/acsopenidconfiguration`)
    ).json()) as Record<string, unknown>;
    expect(config).toMatchObject({ issuer: simulator.issuer, jwks_uri: simulator.jwksUrl });
  });

  it('records what the caller heard and said on the timeline of the turns', async () => {
    const app = await startApp({ replyFrames: 25 });
    const result = await simulator.client.placeCall({
      script: [{ say: 'Good morning to you.' }],
      incomingUrl: `${app.url}/incoming`,
    });
    const mono = decodeWav(await simulator.client.recording(result.callConnectionId, 1));
    const stereo = decodeWav(await simulator.client.recording(result.callConnectionId, 2));
    expect([mono.sampleRate, mono.channels, stereo.channels]).toEqual([16000, 1, 2]);
    expect(stereo.pcm.length).toBe(mono.pcm.length * 2);
    const peak = (pcm: Buffer, channels: number, channel: number, fromMs: number, toMs: number): number => {
      let max = 0;
      for (let i = fromMs * 16; i < toMs * 16; i++) {
        max = Math.max(max, Math.abs(pcm.readInt16LE((i * channels + channel) * 2)));
      }
      return max;
    };
    const [greeting, user, reply] = result.turns;
    if (!greeting || !user || !reply) throw new Error('turns are missing');
    expect(greeting.endedMs - greeting.startedMs).toBe(500);
    for (const agent of [greeting, reply]) {
      expect(peak(mono.pcm, 1, 0, agent.startedMs, agent.endedMs)).toBeGreaterThan(7000);
      expect(peak(stereo.pcm, 2, 1, agent.startedMs, agent.endedMs)).toBeGreaterThan(7000);
      expect(peak(stereo.pcm, 2, 0, agent.startedMs, agent.endedMs)).toBe(0);
    }
    expect(peak(mono.pcm, 1, 0, user.startedMs, user.endedMs)).toBe(0);
    expect(peak(stereo.pcm, 2, 0, user.startedMs, user.endedMs)).toBeGreaterThan(1000);
  });

  it('discards what was not played on stopAudio and measures a barge-in', async () => {
    const app = await startApp({ replyFrames: 0 });
    const call = simulator.client.placeCall(
      {
        script: [{ say: 'Stop, I have a question.', bargeInAfterMs: 300 }],
        incomingUrl: `${app.url}/incoming`,
        patienceMs: 3000,
      },
      (line) => {
        if (line.event !== 'media') return;
        // Four seconds of speech at once, as an application without pacing sends it.
        for (let i = 0; i < 10; i++) app.speak(0);
        const data = loud(4000).toString('base64');
        app.mediaSocket?.send(JSON.stringify({ Kind: 'AudioData', AudioData: { Data: data } }));
        setTimeout(() => app.mediaSocket?.send(JSON.stringify({ Kind: 'StopAudio', StopAudio: {} })), 1000);
      },
    );
    const result = await call;
    const user = result.turns.find((turn) => turn.role === 'user');
    expect(user?.bargeIn).toBe(true);
    expect(user?.silencedAfterMs).toBeGreaterThan(200);
    expect(user?.silencedAfterMs).toBeLessThan(1500);
    expect(result.audio.stopAudio).toBe(1);
    expect(result.audio.framesDiscarded).toBeGreaterThan(50);
    expect(result.audio.framesPlayed + result.audio.framesDiscarded).toBe(200);
  });

  it('speaks 24 kHz, and unmixed audio by participant', async () => {
    const app = await startApp({ format: 'Pcm24KMono', channel: 'unmixed' });
    const result = await simulator.client.placeCall({
      script: [{ say: 'Hello there.' }],
      incomingUrl: `${app.url}/incoming`,
      from: '+15550123',
    });
    expect(result.outcome).toBe('completed');
    expect(app.media[0]?.audioMetadata).toMatchObject({ sampleRate: 24000, length: 960 });
    const frames = app.media
      .filter((message) => message.kind === 'AudioData')
      .map((message) => message.audioData);
    const speakers = new Set(frames.map((frame) => (frame as { participantRawID: string }).participantRawID));
    expect(speakers).toContain('4:+15550123');
    expect(speakers.size).toBe(2);
    const spoken = frames.filter((frame) => !(frame as { silent: boolean }).silent);
    expect(spoken.length).toBeGreaterThan(10);
    expect(new Set(spoken.map((frame) => (frame as { participantRawID: string }).participantRawID))).toEqual(
      new Set(['4:+15550123']),
    );
    expect(decodeWav(await simulator.client.recording(result.callConnectionId, 1)).sampleRate).toBe(24000);
  });

  it('tells of a media socket that cannot be opened', async () => {
    const app = await startApp({ refuseMedia: true, replyFrames: 0 });
    const result = await simulator.client.placeCall({
      script: [{ say: 'Is anybody there?' }],
      incomingUrl: `${app.url}/incoming`,
      patienceMs: 500,
    });
    expect(result.outcome).toBe('no_agent_audio');
    expect(app.of('CallConnected')).toHaveLength(1);
    expect(app.of('MediaStreamingFailed')[0]?.data).toMatchObject({
      resultInformation: { code: 400, subCode: 8581 },
      mediaStreamingUpdate: { mediaStreamingStatus: 'mediaStreamingFailed' },
    });
    expect(app.of('MediaStreamingStarted')).toHaveLength(0);
  });

  it('ends when the application rejects it, hangs it up, or does not take it', async () => {
    const rejecting = await startApp({
      onIncoming: async (app, context) => {
        await app.client.rejectCall(context);
        return 200;
      },
    });
    const rejected = await simulator.client.placeCall({ incomingUrl: `${rejecting.url}/incoming` });
    expect(rejected).toMatchObject({ outcome: 'rejected', endedBy: 'app', turns: [] });

    const refusing = await startApp({ onIncoming: async () => 400 });
    const refused = await simulator.client.placeCall({ incomingUrl: `${refusing.url}/incoming` });
    expect(refused).toMatchObject({ outcome: 'undeliverable', incomingAttempts: 1 });

    const ignoring = await startApp({ onIncoming: async () => 200 });
    const ignored = await simulator.client.placeCall({
      incomingUrl: `${ignoring.url}/incoming`,
      ringMs: 300,
    });
    expect(ignored).toMatchObject({ outcome: 'unanswered', endedBy: 'caller' });

    const leaving = await startApp({ replyFrames: 0 });
    const left = await simulator.client.placeCall({ incomingUrl: `${leaving.url}/incoming` }, (line) => {
      if (line.event !== 'connected') return;
      const id = leaving.callIds[0];
      // The answer may still be under way: its id is then not known yet.
      if (id) void leaving.client.getCallConnection(id).hangUp(true);
      else
        setTimeout(() => void leaving.client.getCallConnection(leaving.callIds[0] ?? '').hangUp(true), 200);
    });
    expect(left).toMatchObject({ outcome: 'ended_by_app', endedBy: 'app' });
  });

  it('refuses bad requests with its own codes', async () => {
    const place = (body: Record<string, unknown>) =>
      simulator.client.placeCall(body as Parameters<typeof simulator.client.placeCall>[0]);
    await expect(place({})).rejects.toMatchObject({ code: 'RTV_SIM_NO_INCOMING_URL' });
    await expect(place({ script: [{}] })).rejects.toMatchObject({ code: 'RTV_SIM_SCRIPT_INVALID' });
    await expect(place({ faults: 'nonsense=1' })).rejects.toMatchObject({ code: 'RTV_SIM_FAULTS_INVALID' });
    await expect(place({ nonsense: 1 })).rejects.toMatchObject({ code: 'RTV_SIM_REQUEST_INVALID' });
    await expect(
      place({ script: [{ wav: '/nowhere.wav', text: 'x' }], incomingUrl: 'http://127.0.0.1:9/' }),
    ).rejects.toMatchObject({ code: 'RTV_SIM_WAV_INVALID' });
    await expect(simulator.client.recording('unknown', 1)).rejects.toMatchObject({
      code: 'RTV_SIM_CALL_UNKNOWN',
    });
  });
});

/** Loud square wave of 16 kHz PCM16. */
function loud(ms: number): Buffer {
  const pcm = Buffer.alloc(ms * 32);
  for (let at = 0; at < pcm.length; at += 2) pcm.writeInt16LE(at % 80 < 40 ? 6000 : -6000, at);
  return pcm;
}
