import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type TestAppOptions, until } from './app.js';
import { openCall } from './live-call.js';
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
  const app = await new TestApp({
    connectionString: simulator.connectionString,
    replyFrames: 0,
    ...options,
  }).listen();
  apps.push(app);
  return app;
}

const CALLER = { phoneNumber: '+15550100' };
const connected = (app: TestApp) => () => app.of('CallConnected').length > 0;

async function requests(operation: string): Promise<number> {
  const stats = (await simulator.client.json('GET', '/stats')) as { requests: Record<string, number> };
  return stats.requests[operation] ?? 0;
}

describe('events', () => {
  it('come twice with one id and one token', async () => {
    const app = await startApp();
    const call = await openCall(simulator, app, { faults: 'duplicate=1:0-50' });
    await call.end();
    for (const type of [
      'CallConnected',
      'ParticipantsUpdated',
      'MediaStreamingStarted',
      'CallDisconnected',
    ]) {
      await until(`${type} twice`, () => app.of(type).length === 2);
      expect(new Set(app.of(type).map((event) => event.id)).size).toBe(1);
      expect(new Set(app.of(type).map((event) => event.authorization)).size).toBe(1);
    }
    // IncomingCall too.
    expect(app.incoming).toHaveLength(2);
  });

  it('are lost by type', async () => {
    const app = await startApp();
    const call = await openCall(
      simulator,
      app,
      { faults: 'drop.PlayCompleted=1,drop.MediaStreamingStarted=1' },
      () => app.media.length > 0,
    );
    await call.connection.getCallMedia().playToAll([{ kind: 'textSource', text: 'Hello.' }]);
    await until('PlayStarted', () => app.of('PlayStarted').length === 1);
    const deadline = performance.now() + 20_000;
    type View = { callbacks: Array<{ type: string; dropped: boolean }> };
    let dropped: string[] = [];
    while (!dropped.includes('PlayCompleted') && performance.now() < deadline) {
      const view = (await simulator.client.json('GET', `/calls/${call.id}`)) as View;
      dropped = view.callbacks.filter((record) => record.dropped).map((record) => record.type);
    }
    const result = await call.end();
    expect(dropped).toEqual(['MediaStreamingStarted', 'PlayCompleted']);
    expect(app.of('PlayCompleted')).toHaveLength(0);
    expect(app.of('MediaStreamingStarted')).toHaveLength(0);
    expect(result.callbacks.dropped).toBe(2);
  });

  it('overtake each other', async () => {
    const app = await startApp();
    const call = await openCall(
      simulator,
      app,
      { faults: 'reorder.CallConnected=1:400-500' },
      connected(app),
    );
    const order = app.events.map((event) => event.type.split('.').at(-1));
    expect(order.at(-1)).toBe('CallConnected');
    expect(order).toContain('MediaStreamingStarted');
    await call.end();
  });

  it('meet the same fate under the same seed, and another under another', async () => {
    const fates = async (seed: number): Promise<string> => {
      const app = await startApp();
      const call = await openCall(
        simulator,
        app,
        { seed, faults: 'duplicate=0.5:0,drop.ParticipantsUpdated=0.5' },
        connected(app),
      );
      for (let i = 0; i < 6; i++) await call.connection.muteParticipant(CALLER);
      const result = await call.end();
      const view = (await simulator.client.json('GET', `/calls/${call.id}`)) as {
        callbacks: Array<{ type: string; dropped: boolean }>;
      };
      return JSON.stringify([
        result.callbacks.dropped,
        view.callbacks.filter(({ type }) => type === 'ParticipantsUpdated').map(({ dropped }) => dropped),
      ]);
    };
    const first = await fates(5);
    expect(await fates(5)).toBe(first);
    expect(await fates(6)).not.toBe(first);
  });

  it('carry bad tokens', async () => {
    const keys = createRemoteJWKSet(new URL(simulator.jwksUrl));
    const verdict = async (fault: string): Promise<string> => {
      const app = await startApp();
      const call = await openCall(simulator, app, { faults: `token.${fault}=1` }, connected(app));
      await call.end();
      const token = app.of('CallConnected')[0]?.authorization;
      if (token === undefined) return 'missing';
      return jwtVerify(token.replace('Bearer ', ''), keys, {
        issuer: simulator.issuer,
        audience: simulator.resourceId,
      }).then(
        () => 'valid',
        (error: { code: string; claim?: string }) => `${error.code} ${error.claim ?? ''}`.trim(),
      );
    };
    expect(await verdict('expired')).toBe('ERR_JWT_EXPIRED exp');
    expect(await verdict('wrongAudience')).toBe('ERR_JWT_CLAIM_VALIDATION_FAILED aud');
    expect(await verdict('wrongIssuer')).toBe('ERR_JWT_CLAIM_VALIDATION_FAILED iss');
    expect(await verdict('wrongKey')).toBe('ERR_JWS_SIGNATURE_VERIFICATION_FAILED');
    expect(await verdict('missing')).toBe('missing');
    expect(await verdict('reused')).toBe('valid');
  });
});

describe('REST', () => {
  it('answers 503 and 429 with retry-after, and the SDK gets through by trying again', async () => {
    const app = await startApp();
    const before = await requests('muteParticipant');
    const call = await openCall(
      simulator,
      app,
      { seed: 3, faults: 'error503.muteParticipant=0.4,error429.muteParticipant=0.3,retryAfter=0' },
      connected(app),
    );
    let answered = 0;
    for (let i = 0; i < 10; i++) {
      await call.connection.muteParticipant(CALLER).then(
        () => {
          answered += 1;
        },
        () => undefined,
      );
    }
    await call.end();
    expect(answered).toBeGreaterThan(4);
    expect((await requests('muteParticipant')) - before).toBeGreaterThan(10);
  });

  it('fails with 500 after the effect took place, which happens once', async () => {
    const app = await startApp();
    const call = await openCall(
      simulator,
      app,
      { seed: 1, faults: 'error500after.addParticipant=0.7' },
      connected(app),
    );
    const added = await call.connection
      .addParticipant({ targetParticipant: { phoneNumber: '+15550177' } })
      .then(
        () => 'answered',
        (error: { statusCode: number }) => error.statusCode,
      );
    await until('the participant is added', () => app.of('AddParticipantSucceeded').length > 0);
    await call.end();
    expect(['answered', 500]).toContain(added);
    expect(app.of('AddParticipantSucceeded')).toHaveLength(1);
  });
});

describe('sockets', () => {
  it('break without an event, and open again on demand', async () => {
    const app = await startApp();
    const call = await openCall(simulator, app, { faults: 'socketCut@600' });
    const first = app.mediaSocket;
    await until('the socket is closed', () => first?.readyState === 3);
    const events = app.events.length;
    await call.connection.getCallMedia().startMediaStreaming({ operationContext: 'again' });
    await until('it is open again', () => app.of('MediaStreamingStarted').length === 2);
    expect(app.events.length).toBe(events + 1);
    const result = await call.end();
    expect(result.media).toEqual({ opened: 2, failed: 0, lost: 1 });
  });

  it.each([
    ['stopped', 'MediaStreamingStopped', 1],
    ['failed', 'MediaStreamingFailed', 1],
    ['reconnect', 'MediaStreamingStarted', 2],
  ] as const)('break with the policy %s', async (policy, type, count) => {
    const app = await startApp();
    const call = await openCall(simulator, app, { faults: `socketCut@400,onBreak=${policy}` });
    await until(type, () => app.of(type).length === count);
    await call.end();
  });

  it('can stay believed in: start is then refused, stop and start works', async () => {
    const app = await startApp();
    const call = await openCall(simulator, app, { faults: 'socketCut@400,onBreak=active' });
    const first = app.mediaSocket;
    await until('the socket is closed', () => first?.readyState === 3);
    const media = call.connection.getCallMedia();
    await expect(media.startMediaStreaming()).rejects.toMatchObject({ statusCode: 412, code: '8583' });
    await media.stopMediaStreaming();
    await media.startMediaStreaming();
    await until('it is open again', () => app.of('MediaStreamingStarted').length === 2);
    await call.end();
  });

  it('go half open: no frame comes, nothing is closed', async () => {
    const app = await startApp();
    const call = await openCall(simulator, app, { faults: 'halfOpen@500' });
    await until('frames stop', () => {
      const before = app.media.length;
      const last = app.media.at(-1)?.audioData as { timestamp?: string } | undefined;
      return before > 10 && Date.now() - Date.parse(last?.timestamp ?? '') > 400;
    });
    expect(app.mediaSocket?.readyState).toBe(1);
    expect(app.of('MediaStreamingStopped')).toHaveLength(0);
    await call.end();
  });

  it('are read slowly: what the application sends backs up', async () => {
    const app = await startApp();
    const call = await openCall(simulator, app, { faults: 'slowReader' });
    const message = JSON.stringify({
      kind: 'audioData',
      audioData: { data: Buffer.alloc(64_000, 1).toString('base64') },
    });
    // A reading phase swallows much at once; in the pause after it the buffers of both ends fill up.
    await until('it backs up', () => {
      for (let i = 0; i < 10; i++) app.mediaSocket?.send(message);
      return (app.mediaSocket?.bufferedAmount ?? 0) > 1_000_000;
    });
    await call.end();
  });

  it('carry garbage between good frames', async () => {
    const app = await startApp();
    const call = await openCall(simulator, app, { faults: 'garbageFrame=0.5' });
    const good =
      /^\{"kind":"AudioData","audioData":\{"timestamp":"[^"]+","data":"[A-Za-z0-9+/=]+","silent":(true|false)\}\}$/;
    await until('thirty garbage frames', () => app.mediaRaw.filter((raw) => !good.test(raw)).length > 30);
    expect(app.mediaRaw.filter((raw) => good.test(raw)).length).toBeGreaterThan(30);
    await call.end();
  });

  it('cannot be opened while the fault says so', async () => {
    const app = await startApp();
    const call = await openCall(simulator, app, { faults: 'mediaFail=1' }, connected(app));
    await until(
      'both fail',
      () => app.of('MediaStreamingFailed').length + app.of('TranscriptionFailed').length === 2,
    );
    const result = await call.end();
    expect(result.media).toMatchObject({ opened: 0, failed: 1 });
    expect(app.upgrades).toHaveLength(0);
  });
});

describe('the caller', () => {
  it('hangs up at any point', async () => {
    const app = await startApp({ replyFrames: 5 });
    const result = await simulator.client.placeCall({
      script: [{ say: 'This sentence is never going to be finished by anybody.', listen: false }],
      incomingUrl: `${app.url}/incoming`,
      faults: 'hangUp@700',
    });
    expect(result.outcome).toBe('hung_up_by_fault');
    expect(result.durationMs).toBeGreaterThan(600);
    expect(result.durationMs).toBeLessThan(1500);
    expect(app.transcripts.some((message) => JSON.stringify(message).includes('"Final"'))).toBe(false);
    await until('CallDisconnected', () => app.of('CallDisconnected').length === 1);
  });
});
