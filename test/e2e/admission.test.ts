/** Calls that are not answered because nobody has room for them, while live calls go on. */
import { describe, expect, it } from 'vitest';
import type { CallResult } from '../../src/simulator/core/report.js';
import type { PlaceCall } from '../../src/simulator/core/setup.js';
import { eventually, type StackView, startTestStack } from '../support/stack.js';

interface Health {
  readonly status: string;
  readonly checks: { readonly admission: { readonly status: string; readonly output?: string } };
}

/** What each worker says of its readiness: at its limit it stays ready, for its live calls. */
const health = (view: StackView): Promise<Health[]> =>
  Promise.all(
    view.info.workers.map(async ({ url }) => (await fetch(`${url}/readyz`)).json() as Promise<Health>),
  );

const full = async (view: StackView): Promise<number> =>
  (await health(view)).filter(({ checks }) => checks.admission.output === 'calls').length;

async function withStack(
  options: Parameters<typeof startTestStack>[0],
  work: (view: StackView) => Promise<void>,
): Promise<void> {
  const system = await startTestStack(options);
  try {
    await work(system.view);
  } finally {
    await system.remove();
  }
}

const quiet: PlaceCall = { script: [{ waitMs: 120_000 }], patienceMs: 120_000, latency: 'none' };

/** A connected call with its audio, and the way to end it. */
async function liveCall(view: StackView): Promise<{ end(): Promise<CallResult> }> {
  let id = '';
  let open = false;
  const result = view.place(quiet, ({ event, callConnectionId }) => {
    if (event === 'ringing') id = String(callConnectionId);
    if (event === 'media') open = true;
  });
  result.catch(() => undefined);
  await eventually('a live call', () => open);
  return {
    async end() {
      await view.simulator.json('DELETE', `/calls/${id}`);
      return result;
    },
  };
}

describe('a full house', () => {
  it('turns a call away after another try, and live calls notice nothing', () =>
    // Sockets come to any worker, so what one is full of can only be said of one that is alone.
    withStack(
      { workers: 1, env: { MAX_CALLS_PER_WORKER: '2', SILENCE_REPROMPT_MS: '3600000' } },
      async (view) => {
        const live = [await liveCall(view), await liveCall(view)];
        await eventually('no room', async () => (await full(view)) === 1);
        expect((await health(view)).map(({ status }) => status)).toEqual(['warn']);
        const refused = await view.place(quiet);
        expect(refused).toMatchObject({ outcome: 'rejected', incomingAttempts: 2 });
        expect(await view.metric('rtvoice_admission_refusals_total', { reason: 'calls' })).toBe(2);
        for (const call of live) {
          const { endedBy, callbacks, media } = await call.end();
          expect([endedBy, callbacks.refused, media.lost]).toEqual(['caller', 0, 0]);
        }
        await eventually('room again', async () => (await full(view)) === 0);
        await (await liveCall(view)).end();
      },
    ));
});
