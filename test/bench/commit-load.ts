/** Calls without media: each offers its turns to its actor, through the sidecars, at a steady pace. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Attached, CALL_ACTOR, type TurnAnswer } from '../../src/actors/call-messages.js';
import { type ActorClient, createActorClient } from '../../src/actors/client.js';
import type { StackView } from '../support/stack.js';

/** About as long as a sentence on the telephone. */
const WORDS = 'I would like to report a claim for my car, it was hit while it was parked in the street.';

/** The media worker that these calls name. */
const WORKER_ID = 'bench';

export class CommitLoad {
  readonly #clients: readonly ActorClient[];
  readonly #view: StackView;

  constructor(view: StackView) {
    this.#view = view;
    this.#clients = view.info.workers.map(({ daprHttpPort }) =>
      createActorClient({ daprHost: '127.0.0.1', daprHttpPort, daprApiToken: view.secrets.daprApiToken }),
    );
  }

  /** Attaches so many calls, spread over the sidecars. */
  async attach(count: number): Promise<BenchCall[]> {
    // One that does not beat is taken for dead, and ACS, which knows none of these calls, is asked for their audio.
    await this.#view.pretendWorker(WORKER_ID);
    const calls: BenchCall[] = [];
    for (let at = 0; at < count; at += 1) {
      const client = this.#clients[at % this.#clients.length];
      if (!client) throw new Error('no sidecar');
      calls.push(await BenchCall.attach(client));
    }
    return calls;
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}

export class BenchCall {
  readonly id = `bench-${randomUUID()}`;
  readonly #client: ActorClient;
  #at = { incarnation: '', mediaEpoch: 0 };
  #turns = 0;

  private constructor(client: ActorClient) {
    this.#client = client;
  }

  static async attach(client: ActorClient): Promise<BenchCall> {
    const call = new BenchCall(client);
    const origin = { correlationId: call.id };
    // Without it the owner would ask ACS, which knows nothing of this call.
    const connected = { kind: 'connected', id: randomUUID(), atMs: Date.now() };
    await client.call(CALL_ACTOR, call.id, 'event', { facts: [connected], origin });
    const args = { workerId: WORKER_ID, workerUrl: 'http://127.0.0.1:9', origin };
    const answer = await client.call<Attached>(CALL_ACTOR, call.id, 'attach', args);
    if (!answer.ok || answer.provisional) throw new Error('a call could not be attached');
    call.#at = { incarnation: answer.incarnation, mediaEpoch: answer.mediaEpoch };
    return call;
  }

  /** The next turn, alternately of caller and agent. @returns ms until it was acknowledged as durable */
  async turn(): Promise<number> {
    this.#turns += 1;
    const now = Date.now();
    const offer = {
      turnId: randomUUID(),
      role: this.#turns % 2 === 1 ? 'user' : 'agent',
      text: `${WORDS} ${this.#turns}`,
      agent: 'main',
      startedAtMs: now - 2_000,
      endedAtMs: now,
    };
    const started = performance.now();
    const answer = await this.#client.call<TurnAnswer>(CALL_ACTOR, this.id, 'turn', {
      ...this.#at,
      turnNo: this.#turns,
      offer,
    });
    const took = performance.now() - started;
    if (!answer.ok) throw new Error(`a turn was answered ${answer.code}`);
    if (!answer.durable) throw new Error('a turn was not durable');
    return took;
  }

  /** Where the last turn stands in the transcript. */
  get position(): { readonly incarnation: string; readonly seq: number } {
    return { incarnation: this.#at.incarnation, seq: this.#turns };
  }

  /** What an agent is about to say, as before each of its turns. */
  async say(): Promise<void> {
    const saying = { turnId: randomUUID(), sentences: [WORDS] };
    await this.#client.call(CALL_ACTOR, this.id, 'say', { ...this.#at, saying });
  }

  /** A method that touches nothing. */
  async ping(): Promise<number> {
    const started = performance.now();
    const answer = await this.#client.call(CALL_ACTOR, this.id, 'ping', {});
    if (!answer.ok) throw new Error(`an empty call was answered ${answer.code}`);
    return performance.now() - started;
  }

  async end(): Promise<void> {
    const atMs = Date.now();
    const fact = { kind: 'disconnected', id: randomUUID(), atMs, code: 200, subCode: 0 };
    await this.#client.call(CALL_ACTOR, this.id, 'detach', this.#at);
    await this.#client.call(CALL_ACTOR, this.id, 'event', { facts: [fact], origin: { correlationId: '' } });
  }
}

/**
 * Lets each call do something every `paceMs` for `ms`, their beginnings spread evenly over one pace. One that is late
 * does not lower the rate.
 */
export async function paced(
  calls: readonly BenchCall[],
  pace: { readonly paceMs: number; readonly ms: number; readonly signal: AbortSignal },
  work: (call: BenchCall) => Promise<number>,
): Promise<number[]> {
  const { paceMs, ms, signal } = pace;
  const begin = performance.now();
  const samples: number[] = [];
  await Promise.all(
    calls.map(async (call, at) => {
      for (let due = begin + (at * paceMs) / calls.length; due < begin + ms; due += paceMs) {
        await sleep(Math.max(0, due - performance.now()), undefined, { signal });
        samples.push(await work(call));
      }
    }),
  );
  return samples;
}
