/**
 * Callbacks at the door of a running stack: how soon they are answered 202 at a steady rate, and how many a second go
 * all the way into their calls' actors. Each carries a JWT of its own, as ACS's do, and is checked in full.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { mintCallToken } from '../../src/acs/auth/call-token.js';
import { acsTokens } from '../support/acs-tokens.js';
import { eventually, type StackView, startTestStack } from '../support/stack.js';
import { type Bench, figure, series } from './frame.js';

interface Post {
  readonly url: string;
  readonly authorization: string;
  readonly body: string;
}

interface LiveCall {
  readonly callId: string;
  readonly correlationId: string;
}

/** Requests in flight at once when it goes as fast as it can. */
const IN_FLIGHT = 32;

export const bench: Bench = {
  name: 'callbacks',
  description: 'ACS callbacks: time to 202 at a steady rate, and events a second into actors',
  options: {
    rate: { default: 200, help: 'events a second of the first part' },
    seconds: { default: 20, help: 'how long the first part takes' },
    calls: { default: 10, help: 'live calls that the events are about' },
    burst: { default: 3_000, help: 'events of the second part, as fast as they are taken' },
  },
  async run({ say, options, signal }) {
    const { rate = 200, seconds = 20, calls = 10, burst = 3_000 } = options;
    const system = await startTestStack({ say, signal, env: { SILENCE_REPROMPT_MS: '3600000' } });
    const agent = new Agent({ connections: 64, keepAliveTimeout: 60_000 });
    const over = new AbortController();
    try {
      const { view } = system;
      const live = await Promise.all(Array.from({ length: calls }, () => quietCall(view, over.signal)));
      say(`${calls} calls are live; signing tokens`);
      const tokens = await acsTokens(view.stateDir, system.stack.env());
      const make = async (index: number): Promise<Post> => {
        const call = live[index % live.length] ?? { callId: '', correlationId: '' };
        const token = mintCallToken(Buffer.from(view.secrets.urlSecret), call.correlationId);
        const { workers } = view.info;
        return {
          url: `${workers[index % workers.length]?.url}/acs/callbacks/${token}`,
          authorization: await tokens.bearer({ expiresS: 600 }),
          body: eventBody(call),
        };
      };
      const many = async (count: number): Promise<Post[]> => {
        const posts: Post[] = [];
        for (let index = 0; index < count; index += 1) posts.push(await make(index));
        return posts;
      };
      const post = async ({ url, authorization, body }: Post): Promise<void> => {
        const answer = await request(url, {
          dispatcher: agent,
          method: 'POST',
          headers: { authorization, 'content-type': 'application/json' },
          body,
        });
        await answer.body.dump();
        if (answer.statusCode !== 202) throw new Error(`a callback was answered ${answer.statusCode}`);
      };
      for (const one of await many(100)) await post(one);

      const steady = await many(rate * seconds);
      say(`${rate} events a second for ${seconds} s`);
      const samples = await paced(steady, rate, post, signal);

      const rush = await many(burst);
      const before = await processed(view);
      say(`${burst} events as fast as they are taken`);
      const started = performance.now();
      await asFastAsTaken(rush, post, signal);
      const acceptedMs = performance.now() - started;
      await eventually(
        'all events are with their actors',
        async () => (await processed(view)) - before >= burst,
        60_000,
        20,
      );
      const processedMs = performance.now() - started;
      return {
        config: { workers: view.info.workers.length, inFlight: IN_FLIGHT, jwt: true },
        rows: [
          series('callback_202', 'ms', samples),
          figure('events_per_second', 'events/s', (burst * 1_000) / processedMs),
          figure('accepted_per_second', 'events/s', (burst * 1_000) / acceptedMs),
        ],
        notMeasured: [
          'The ingress: events go to the workers themselves.',
          'The network: everything runs on one machine, the sender too.',
        ],
      };
    } finally {
      over.abort();
      await agent.close();
      await system.remove();
    }
  },
};

/** Sends the n-th post at n / rate; times count from then, so that a stall is seen in all it delays. */
async function paced(
  posts: readonly Post[],
  rate: number,
  post: (one: Post) => Promise<void>,
  signal: AbortSignal,
): Promise<number[]> {
  const started = performance.now();
  const running: Promise<number>[] = [];
  for (const [index, one] of posts.entries()) {
    const dueMs = started + (index * 1_000) / rate;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
    running.push(post(one).then(() => performance.now() - dueMs));
  }
  return Promise.all(running);
}

async function asFastAsTaken(
  posts: readonly Post[],
  post: (one: Post) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const rest = posts.values();
  const lane = async (): Promise<void> => {
    for (const one of rest) {
      signal.throwIfAborted();
      await post(one);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}

/** Events that actors took, over all workers. */
const processed = (view: StackView): Promise<number> =>
  view.metric('rtvoice_acs_events_total', { kind: 'operation' });

const eventBody = ({ callId, correlationId }: LiveCall): string =>
  JSON.stringify([
    {
      id: randomUUID(),
      source: `calling/callConnections/${callId}`,
      type: 'Microsoft.Communication.PlayStarted',
      data: {
        version: '2026-03-12',
        operationContext: 'bench',
        resultInformation: { code: 200, subCode: 0, message: '' },
        callConnectionId: callId,
        serverCallId: Buffer.from(callId).toString('base64'),
        correlationId,
        publicEventType: 'Microsoft.Communication.PlayStarted',
      },
      time: new Date().toISOString(),
      specversion: '1.0',
      datacontenttype: 'application/json',
      subject: `calling/callConnections/${callId}`,
    },
  ]);

/** A connected call whose caller says nothing. */
async function quietCall(view: StackView, signal: AbortSignal): Promise<LiveCall> {
  let callId = '';
  let connected = false;
  const call = { script: [{ waitMs: 600_000 }], patienceMs: 600_000, latency: 'none' };
  view
    .place(
      call,
      (progress) => {
        if (progress.event === 'ringing') callId = String(progress.callConnectionId);
        if (progress.event === 'connected') connected = true;
      },
      signal,
    )
    .catch(() => undefined);
  await eventually('a live call', () => connected);
  const { result } = (await view.simulator.json('GET', `/calls/${callId}`)) as {
    result: { correlationId: string };
  };
  return { callId, correlationId: result.correlationId };
}
