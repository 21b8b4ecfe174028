/** One kill of a worker under live calls, and what it cost, seen from outside. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack, WorkerPart } from '../../tools/stack/handle.js';
import { eventually, type StackView } from '../support/stack.js';
import { heardAgainAfter, repliesWithin, socketBackAfter } from './far-end.js';
import type { Talkers } from './talkers.js';
import { at, elsewhere, whereabouts } from './whereabouts.js';

export type KillKind = 'app' | 'sidecar' | 'both';

const PARTS: Readonly<Record<KillKind, readonly WorkerPart[]>> = {
  app: ['app'],
  sidecar: ['daprd'],
  both: ['app', 'daprd'],
};

export interface KillCost {
  /** Until the last of the probed actors answered at another worker, ms; undefined: none was there. */
  readonly actorMs: number | undefined;
  /** Until the caller heard the agent from another worker, ms, of each call that lost its audio. */
  readonly heardMs: readonly number[];
  /** Until the call had a media socket again, ms. */
  readonly socketMs: readonly number[];
  /** Calls that lost their audio and were not heard again in time, or ended. */
  readonly notHeard: number;
  /** Waits for replies in calls that had nothing at the worker, ms. */
  readonly bystanderMs: readonly number[];
}

const PROBED_ACTORS = 4;
const PROBE_EVERY_MS = 20;
const PROBE_DEADLINE_MS = 1_000;
const HEARD_WITHIN_MS = 30_000;
/** Turns of other calls are looked at for so long, ms. */
const BYSTANDERS_MS = 8_000;

export interface Scene {
  readonly stack: Stack;
  readonly view: StackView;
  readonly talkers: Talkers;
}

/** Kills parts of worker `number` (the runner starts them again) and waits until what it cost is known. */
export async function killUnderLoad(scene: Scene, number: number, kind: KillKind): Promise<KillCost> {
  const { stack, view, talkers } = scene;
  const worker = stack.worker(number);
  const where = await whereabouts(view, talkers.live);
  const live = new Set(talkers.live);
  const audio = at(where.audio, worker.id).filter((call) => live.has(call));
  const others = elsewhere(where, talkers.live, worker.id);
  const actors = at(where.actors, worker.id).slice(0, PROBED_ACTORS);
  const survivor = view.info.workers.find(({ id }) => id !== worker.id);
  if (!survivor) throw new Error('one worker alone cannot be recovered from');

  const killedAt = Date.now();
  for (const part of PARTS[kind]) worker.kill(part);
  const [actorMs, heard] = await Promise.all([
    actors.length === 0
      ? undefined
      : Promise.all(
          actors.map((call) => answersElsewhere(view, survivor.daprHttpPort, call, worker.id, killedAt)),
        ).then((all) => Math.max(...all)),
    // A dead sidecar takes no audio with it.
    kind === 'sidecar' ? [] : Promise.all(audio.map((call) => heardAgain(view, call, killedAt))),
    sleep(BYSTANDERS_MS),
  ]);
  const bystanders = await Promise.all(
    others.map(async (call) =>
      repliesWithin(killedAt, killedAt + BYSTANDERS_MS, await view.simulator.heard(call, killedAt)),
    ),
  );
  return {
    actorMs,
    heardMs: heard.flatMap(({ heardMs }) => heardMs ?? []),
    socketMs: heard.flatMap(({ socketMs }) => socketMs ?? []),
    notHeard: heard.filter(({ heardMs }) => heardMs === undefined).length,
    bystanderMs: bystanders.flat(),
  };
}

/** Everything that was killed runs again, and every call has its audio. */
export async function settled({ stack, view, talkers }: Scene): Promise<void> {
  await stack.waitReady(60_000);
  await talkers.all();
  await eventually(
    'every call has a media socket',
    async () => {
      const all = await Promise.all(talkers.live.map((call) => view.simulator.heard(call, Date.now())));
      return all.every(
        ({ state, sockets }) => state !== 'connected' || sockets.at(-1)?.closedAt === undefined,
      );
    },
    60_000,
    250,
  );
}

/** @returns ms from `sinceMs` until the actor answered at a worker other than the one that had it */
async function answersElsewhere(
  view: StackView,
  daprHttpPort: number,
  call: string,
  worker: string,
  sinceMs: number,
): Promise<number> {
  const url = `http://127.0.0.1:${daprHttpPort}/v1.0/actors/CallActor/${call}/method/describe`;
  await eventually(
    'the actor answers at another worker',
    async () => {
      const answer = await fetch(url, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json', 'dapr-api-token': view.secrets.daprApiToken },
        signal: AbortSignal.timeout(PROBE_DEADLINE_MS),
      }).catch(() => undefined);
      if (answer?.status !== 200) return false;
      const { ok, owner } = (await answer.json()) as { ok: boolean; owner?: string };
      return ok && owner !== worker;
    },
    60_000,
    PROBE_EVERY_MS,
  );
  return Date.now() - sinceMs;
}

interface AudioBack {
  readonly socketMs: number | undefined;
  readonly heardMs: number | undefined;
}

async function heardAgain(view: StackView, call: string, sinceMs: number): Promise<AudioBack> {
  for (;;) {
    const heard = await view.simulator.heard(call, sinceMs);
    const back = {
      socketMs: socketBackAfter(sinceMs, heard),
      heardMs: heardAgainAfter(sinceMs, heard),
    };
    const late = Date.now() - sinceMs > HEARD_WITHIN_MS;
    if (back.heardMs !== undefined || heard.state === 'disconnected' || late) return back;
    await sleep(150);
  }
}
