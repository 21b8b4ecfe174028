import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { AcsClient, AcsResult } from '../acs/client-types.js';
import { createLogger } from '../ops/log.js';
import { createCallLine } from './call-line.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.spyOn(performance, 'now').mockImplementation(() => Date.now());
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** An ACS whose stream is active once it was started, and broken without its knowledge. */
function world({ active = false } = {}) {
  const state = { active, sent: [] as string[], gone: [] as string[] };
  const ok: AcsResult<void> = { ok: true, value: undefined };
  const incompatible = { ok: false, status: 412, code: 'RTV_ACS_INCOMPATIBLE' } as unknown as AcsResult<void>;
  const acs = {
    startMediaStreaming: async () => {
      state.sent.push('start');
      if (state.active) return incompatible;
      state.active = true;
      return ok;
    },
    stopMediaStreaming: async () => {
      state.sent.push('stop');
      state.active = false;
      return ok;
    },
  } as unknown as AcsClient;
  const line = createCallLine(acs, createLogger('silent', 'test'), (id) => state.gone.push(id));
  return { state, line };
}

it('a stream that ACS still holds for active is stopped first', async () => {
  const { state, line } = world({ active: true });
  line.restartMedia('c', 'perhaps');
  await line.idle();
  expect(state.sent).toEqual(['start', 'stop', 'start']);
});

it('a stream that is just being opened is left alone, until it has had its time', async () => {
  const { state, line } = world();
  line.restartMedia('c', 'perhaps');
  await line.idle();
  vi.setSystemTime(Date.now() + 1_000);
  line.restartMedia('c', 'perhaps');
  await line.idle();
  expect(state.sent).toEqual(['start', 'start']);
  vi.setSystemTime(Date.now() + 2_000);
  line.restartMedia('c', 'perhaps');
  await line.idle();
  expect(state.sent).toEqual(['start', 'start', 'start', 'stop', 'start']);
});

it('two askings at once are one', async () => {
  const { state, line } = world();
  line.restartMedia('c', 'active');
  line.restartMedia('c', 'perhaps');
  await line.idle();
  expect(state.sent).toEqual(['stop', 'start']);
});
