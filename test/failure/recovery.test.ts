/**
 * A worker dies, stands still, is cut off, or is said to be unhealthy, while callers talk: they hear the agent again from
 * another worker, never two voices at once, and the transcripts are whole. The bench `recovery` has the times.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { killUnderLoad, type Scene, settled } from '../recovery/kill.js';
import { listener } from '../recovery/scripts.js';
import { absent, acknowledgedTwice, recordOf, voicesOf } from '../recovery/stale.js';
import { Talkers } from '../recovery/talkers.js';
import { startWiredStack, type WiredStack } from '../recovery/wired.js';
import { eventually } from '../support/stack.js';

const CALLS = 4;

let wired: WiredStack;
let scene: Scene;
const stop = new AbortController();
const everyone = new Set<string>();

beforeAll(async () => {
  wired = await startWiredStack({ workers: 3 });
  const { stack, view } = wired;
  // Sockets that ACS was told to stop stay open, and are heard: a stale voice would be.
  const call = () => ({ ...listener(), faults: 'stopKeepsSocket' });
  const talkers = new Talkers({ view, calls: CALLS, call, signal: stop.signal });
  scene = { stack, view, talkers };
  await talkers.start();
}, 180_000);

afterAll(async () => {
  stop.abort();
  await wired?.remove();
}, 60_000);

/** A worker that has the audio of some call. */
const busy = (): Promise<number> =>
  eventually('a worker with a call', async () => {
    for (const id of scene.talkers.live) everyone.add(id);
    for (const [index, { url }] of scene.view.info.workers.entries()) {
      const text = await (await fetch(`${url}/metrics`)).text();
      if (Number(/^rtvoice_media_sessions\S* (\d+)/m.exec(text)?.[1] ?? 0) > 0) return index + 1;
    }
    return undefined;
  });

const rule = (name: string): Promise<number> =>
  scene.view.metric('rtvoice_state_rules_total', { rule: name });

it('kill -9: every caller hears the agent from another worker', async () => {
  const cost = await killUnderLoad(scene, await busy(), 'app');
  expect(cost.notHeard).toBe(0);
  expect(cost.heardMs.length).toBeGreaterThan(0);
  await settled(scene);
});

it('SIGSTOP for 10 s: another worker goes on; back, the old one finds itself fenced and drops its calls', async () => {
  const sweptBefore = await rule('worker_swept');
  const cost = await absent(scene, wired, await busy(), 'pause', 10_000);
  expect(cost.notHeard).toBe(0);
  expect(cost.heardMs.length).toBeGreaterThan(0);
  await eventually('it found its mark', async () => (await rule('worker_swept')) > sweptBefore);
  await settled(scene);
});

it('/healthz fails for 5 s and recovers: nobody loses the audio', async () => {
  const number = await busy();
  const { calls } = await absent(scene, wired, number, 'unhealthy', 5_000);
  expect(calls).toBeGreaterThan(0);
  // Its actors come back to instances that are not the old ones.
  await sleep(3_000);
  await settled(scene);
  const live = await Promise.all(scene.talkers.live.map((call) => scene.view.actor(call, 'describe')));
  expect(live.every(({ ok }) => ok === true)).toBe(true);
});

it('through all of that there was one voice at every moment', async () => {
  await busy();
  expect(await voicesOf(scene, [...everyone])).toEqual({ staleFrames: 0, overlapFrames: 0 });
});

// What was on its way when the network was cut comes with its healing, whatever the worker does: voices are not looked at.
it('cut off without a reset: its calls are heard again within 15 s, and nothing is written twice', async () => {
  const cost = await absent(scene, wired, await busy(), 'cut', 10_000);
  expect(cost.notHeard).toBe(0);
  expect(cost.heardMs.length).toBeGreaterThan(0);
  await settled(scene);
  expect(acknowledgedTwice(wired)).toEqual([]);
});

it('every transcript is whole', async () => {
  await busy();
  await scene.talkers.hangUp();
  expect(await recordOf(scene, [...everyone])).toEqual({ turnsDoubled: 0, disordered: 0 });
});
