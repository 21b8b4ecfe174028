import { createServer, request, type Server } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Recorder } from './recorder.js';
import { RunLog } from './run-log.js';
import { openTap, type Tap } from './tap.js';

let sidecar: Server;
let port = 0;
let answer: { status: number; body: string } | 'silence' = { status: 200, body: '{}' };
let log: RunLog;
let recorder: Recorder;
let tap: Tap;

beforeEach(async () => {
  sidecar = createServer((incoming, outgoing) => {
    incoming.resume().once('end', () => {
      if (answer === 'silence') outgoing.destroy();
      else outgoing.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => sidecar.listen(0, '127.0.0.1', resolve));
  ({ port } = sidecar.address() as { port: number });
  log = new RunLog('/dev/null');
  recorder = new Recorder(log);
  tap = await openTap(port, recorder.towardsSidecar(2));
});

afterEach(async () => {
  await tap.close();
  sidecar.closeAllConnections();
  await new Promise((resolve) => sidecar.close(resolve));
  await log.close();
});

/** @returns status and body, or undefined when the connection was closed without an answer */
function send(method: string, path: string, body?: object, at = tap.port) {
  return new Promise<{ status: number; body: string } | undefined>((resolve) => {
    const sent = request({ host: '127.0.0.1', port: at, method, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    sent.once('error', () => resolve(undefined));
    sent.end(body ? JSON.stringify(body) : undefined);
  });
}

const turn = (callId = 'call-1') =>
  send('POST', `/v1.0/actors/CallActor/${callId}/method/turn`, {
    incarnation: '01',
    mediaEpoch: 3,
    turnNo: 4,
    offer: { turnId: 'turn-9', role: 'user', text: 'words' },
  });

it('an acknowledged turn', async () => {
  answer = { status: 200, body: '{"ok":true,"seq":9,"durable":true,"archivedNo":2}' };
  expect(await turn('call%201')).toEqual({ status: 200, body: answer.body });
  expect(recorder.turns).toMatchObject([
    {
      callId: 'call 1',
      turnId: 'turn-9',
      role: 'user',
      text: 'words',
      mediaEpoch: 3,
      turnNo: 4,
      worker: 2,
      durable: true,
    },
  ]);
  expect(recorder.turns[0]?.answeredMs).toBeGreaterThanOrEqual(recorder.turns[0]?.askedMs ?? 0);
});

it.each([
  [{ status: 200, body: '{"ok":true,"seq":0,"durable":false}' }, undefined],
  [{ status: 200, body: '{"ok":false,"code":"RTV_FENCED_MEDIA"}' }, 'RTV_FENCED_MEDIA'],
  [{ status: 500, body: '{"ok":true,"durable":true}' }, '500'],
])('what is no acknowledgement: %o', async (given, refused) => {
  answer = given;
  expect(await turn()).toEqual(given);
  expect(recorder.turns).toHaveLength(1);
  expect(recorder.turns[0]?.durable).toBe(false);
  expect(recorder.turns[0]?.refused).toBe(refused);
});

it('no answer is none for the app either', async () => {
  answer = 'silence';
  expect(await turn()).toBeUndefined();
  expect(recorder.turns).toMatchObject([{ durable: false, refused: 'no answer' }]);
  expect(recorder.turns[0]).not.toHaveProperty('answeredMs');
});

it('reminders, from registration to removal, and their firing on the other way', async () => {
  const back = await openTap(port, recorder.towardsApp(2));
  try {
    answer = { status: 200, body: '' };
    const path = '/v1.0/actors/CallActor/call-1/reminders/keep';
    await send('POST', path, { period: '15s' });
    await send('PUT', '/actors/CallActor/call-1/method/remind/keep', {}, back.port);
    await send('GET', path);
    answer = { status: 204, body: '' };
    await send('DELETE', path);
  } finally {
    await back.close();
  }
  expect(recorder.reminders.map(({ what, ok }) => [what, ok])).toEqual([
    ['registered', true],
    ['fired', true],
    ['removed', true],
  ]);
});

it("a worker's health is answered for it while it is said to be ill", async () => {
  const back = await openTap(port, recorder.towardsApp(2));
  try {
    answer = { status: 200, body: 'well' };
    recorder.setHealthy(2, false);
    expect(await send('GET', '/healthz', undefined, back.port)).toEqual({ status: 503, body: '' });
    expect(await send('GET', '/other', undefined, back.port)).toMatchObject({ status: 200 });
    recorder.setHealthy(2, true);
    expect(await send('GET', '/healthz', undefined, back.port)).toMatchObject({ status: 200, body: 'well' });
  } finally {
    await back.close();
  }
});
