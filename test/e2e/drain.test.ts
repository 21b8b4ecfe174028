/** A worker taken out of service on demand: its live calls go on at another, no word is lost, its actors follow. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { revealTranscript } from '../../src/actors/call-record.js';
import type { CallResult } from '../../src/simulator/core/report.js';
import { eventually, type StackView, startTestStack, type TestStack } from '../support/stack.js';

const SAID = [
  'Hello, I would like to report a claim.',
  'My name is Alice Brown.',
  'Someone hit my car yesterday.',
  'That is all. Thank you, and goodbye.',
];

const MOST_CALLS = 9;

let system: TestStack;
let view: StackView;

beforeAll(async () => {
  system = await startTestStack({ workers: 2 });
  view = system.view;
});
afterAll(() => system?.remove());

const address = (): string => `${system.stack.worker(1).url}/admin/drain`;
const withToken = { authorization: '' };

const sessionsOf = async (url: string): Promise<number> =>
  Number(/^rtvoice_media_sessions\S* (\d+)/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1] ?? 0);

it('asks for the API token, and for the right worker', async () => {
  withToken.authorization = `Bearer ${system.stack.env(1).API_TOKEN}`;
  expect((await fetch(address(), { method: 'POST' })).status).toBe(401);
  const body = JSON.stringify({ worker: 'worker-2' });
  const other = await fetch(address(), { method: 'POST', body, headers: withToken });
  expect([other.status, await other.json()]).toMatchObject([409, { code: 'RTV_WORKER_OTHER' }]);
  const serving = await fetch(address(), { headers: withToken });
  expect(await serving.json()).toEqual({ worker: 'worker-1', state: 'serving', calls: 0, actors: 0 });
});

it('moves live calls in their pauses: everything said is answered and in the transcript once', async () => {
  const script = SAID.map((say) => ({ say }));
  const calls: Promise<CallResult>[] = [];
  // The ingress takes turns with all requests: where each audio went to one worker, one more call goes to the other.
  for (let call = 0; call < 4; call += 1) calls.push(view.place({ script }));
  await eventually('calls at both', async () => {
    const counts = await Promise.all(view.info.workers.map(({ url }) => sessionsOf(url)));
    if (counts.reduce((sum, count) => sum + count, 0) !== calls.length) return false;
    if (Math.min(...counts) > 0) return true;
    if (calls.length < MOST_CALLS) calls.push(view.place({ script }));
    return false;
  });
  const drained = await view.rtvoice(['drain', 'worker-1', '--json', '--wait', '60']);
  expect([drained.code, JSON.parse(drained.stdout)]).toEqual([
    0,
    { worker: 'worker-1', state: 'drained', calls: 0, actors: 0 },
  ]);
  expect((await fetch(`${system.stack.worker(1).url}/readyz`)).status).toBe(503);
  const results = await Promise.all(calls);
  const moved = results.filter(({ media }) => media.opened > 1);
  expect(moved.length).toBeGreaterThan(0);
  for (const { outcome, noReplies, media, transcripts, callConnectionId } of results) {
    expect({ outcome, noReplies, lost: media.lost, unsent: transcripts.unsent }).toEqual({
      outcome: 'completed',
      noReplies: 0,
      lost: 0,
      unsent: 0,
    });
    expect(await view.simulator.heard(callConnectionId)).toMatchObject({ staleFrames: 0 });
    const { turns } = await eventually('the end', async () => {
      const transcript = await view.transcript(callConnectionId);
      return transcript.summaries.length > 0 && transcript;
    });
    const said = turns.filter(({ role }) => role === 'user');
    expect(
      said.map(({ turnId, transcript }) => revealTranscript(view.seal, callConnectionId, turnId, transcript)),
    ).toEqual(SAID);
  }
  expect(await view.metric('rtvoice_turns_lost_total')).toBe(0);
  // A planned move is no gap that needs a word.
  expect(await view.metric('rtvoice_bridging_phrases_total')).toBe(0);
});

it('has no actors any more, while the other worker takes new calls', async () => {
  const [first] = await view.metadata();
  expect(first?.actorRuntime?.hostReady).toBe(false);
  const result = await view.place({ script: [{ say: 'Hello.' }] });
  expect(result).toMatchObject({ outcome: 'completed', noReplies: 0 });
});

it('ends on SIGTERM, and serves again after its next start', async () => {
  const first = system.stack.worker(1);
  const before = first.pid('app');
  await Promise.all([first.down('app', 'SIGTERM'), first.down('daprd', 'SIGTERM')]);
  first.up('app');
  first.up('daprd');
  await system.stack.waitReady(60_000);
  expect(first.pid('app')).not.toBe(before);
  const serving = await fetch(address(), { headers: withToken });
  expect(await serving.json()).toMatchObject({ state: 'serving' });
});
