/** What the far end of a call witnesses, and a stopped media socket that stays open and is heard. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { HeardView } from '../../src/simulator/control/views.js';
import { TestApp, until } from './app.js';
import { openCall } from './live-call.js';
import { type SimulatorProcess, startSimulatorProcess } from './process.js';

let simulator: SimulatorProcess;
let app: TestApp;

beforeAll(async () => {
  simulator = await startSimulatorProcess();
});
afterAll(() => simulator?.stop());
afterEach(() => app.close());

const startApp = async (): Promise<void> => {
  app = await new TestApp({ connectionString: simulator.connectionString, replyFrames: 0 }).listen();
};

/** Stops media streaming and starts it again; returns the socket that was there before. */
async function restart(call: Awaited<ReturnType<typeof openCall>>) {
  const before = app.mediaSocket;
  const media = call.connection.getCallMedia();
  await media.stopMediaStreaming();
  await media.startMediaStreaming();
  await until('a second socket', () => app.of('MediaStreamingStarted').length === 2);
  return before;
}

async function heardWith(id: string, enough: (heard: HeardView) => boolean): Promise<HeardView> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const heard = await simulator.client.heard(id);
    if (enough(heard)) return heard;
    if (performance.now() > deadline) throw new Error(`never heard: ${JSON.stringify(heard)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('what is heard', () => {
  it('is told by socket and by stretch of voice', async () => {
    await startApp();
    const began = Date.now();
    const call = await openCall(simulator, app);
    app.speak(25);
    const { sockets, voice, connectedAt } = await heardWith(
      call.id,
      (now) =>
        (now.sockets[0]?.voiceFrames ?? 0) === 25 &&
        (now.voice.at(-1)?.[1] ?? 0) - (now.voice[0]?.[0] ?? 0) > 400,
    );
    expect(voice).toHaveLength(1);
    expect(connectedAt).toBeGreaterThanOrEqual(began);
    expect(sockets[0]?.firstVoiceAt).toBeLessThanOrEqual(voice[0]?.[0] ?? 0);
    expect((await simulator.client.heard(call.id, Date.now() + 60_000)).voice).toEqual([]);
    await call.end();
    expect((await simulator.client.heard(call.id)).sockets[0]?.closedAt).toBeGreaterThan(began);
  });

  it('of a stopped socket is nothing', async () => {
    await startApp();
    const call = await openCall(simulator, app);
    const older = await restart(call);
    app.speak(25);
    app.speak(25, older);
    const heard = await heardWith(call.id, ({ sockets }) => sockets[1]?.voiceFrames === 25);
    expect(heard).toMatchObject({ staleFrames: 0, overlapFrames: 0 });
    await call.end();
  });

  it('is both voices where a stopped socket stays open', async () => {
    await startApp();
    const call = await openCall(simulator, app, { faults: 'stopKeepsSocket' });
    const older = await restart(call);
    app.speak(40);
    app.speak(40, older);
    const heard = await heardWith(
      call.id,
      ({ sockets, overlapFrames }) => sockets[0]?.voiceFrames === 40 && overlapFrames > 20,
    );
    expect(heard.staleFrames).toBeGreaterThan(30);
    expect(heard.sockets.map(({ number, closedAt }) => [number, closedAt])).toEqual([
      [1, undefined],
      [2, undefined],
    ]);
    await call.end();
    await until('both are closed', () => older?.readyState === older?.CLOSED);
  });
});
