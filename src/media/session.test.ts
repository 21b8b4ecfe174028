/** Words that come twice are one turn; words for a call that is elsewhere by now are not taken. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { inertSession } from '../../test/support/inert-session.js';
import type { TurnOffer } from '../call/turn.js';
import { SessionRegistry } from './registry.js';
import { MediaSession } from './session.js';
import type { Heard, SessionServices } from './session-services.js';

const sessions: MediaSession[] = [];

interface World {
  readonly refuse?: 'RTV_FENCED_MEDIA';
  /** As the actor knows it when the session attaches. */
  readonly held?: boolean;
  /** What the agent answers to everything. */
  readonly says?: string;
  readonly repromptMs?: number;
}

function open({ refuse, held, says, repromptMs = 60_000 }: World = {}) {
  const turns: TurnOffer[] = [];
  let hungUp = 0;
  const asked: (string | undefined)[] = [];
  const origin = { correlationId: 'c' };
  const inert = inertSession();
  const services: SessionServices = {
    ...inert,
    link: {
      ...inert.link,
      attach: async (...args) => ({ ...(await inert.link.attach(...args)), ...(held ? { held } : {}) }),
      turn: async (callId, at, turnNo, offer) => {
        if (refuse) return { ok: false, code: refuse };
        turns.push(offer);
        return inert.link.turn(callId, at, turnNo, offer);
      },
    },
    responder: {
      ...inert.responder,
      async *reply({ heard }) {
        asked.push(heard);
        if (says && heard !== undefined) yield { kind: 'text', text: says };
      },
    },
    silence: { repromptMs, reprompts: 0 },
    hangUp: () => {
      hungUp += 1;
    },
  };
  let frames = 0;
  const line = {
    send: (message: string | Buffer) => {
      if (!message.toString().includes('"stopAudio"}')) frames += 1;
      return true;
    },
    bufferedAmount: 0,
    close: () => undefined,
  };
  const session = new MediaSession('call', origin, line, 16_000, services);
  sessions.push(session);
  const registry = new SessionRegistry();
  registry.add(session);
  session.open();
  return { session, registry, turns, asked, frames: () => frames, hungUp: () => hungUp };
}

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.close()));
});

const words = (id: string): Heard => ({ id, text: 'hello', startedAtMs: 1, endedAtMs: 2, final: true });

it('words that come again are one turn and are answered once', async () => {
  const { registry, turns, asked } = open();
  expect(registry.deliver('call', words('a'))).toBe(true);
  expect(registry.deliver('call', words('a'))).toBe(true);
  expect(registry.deliver('call', words('b'))).toBe(true);
  await vi.waitFor(() => expect(turns.map(({ turnId }) => turnId)).toEqual(['a', 'b']));
  await vi.waitFor(() => expect(asked.filter((heard) => heard === 'hello')).toHaveLength(2));
});

it('a session that was given up takes no words: they are for another worker', async () => {
  const { session, registry } = open();
  session.abandon();
  expect(registry.deliver('call', words('a'))).toBe(false);
});

it('nor does one that finds itself replaced, or is closing', async () => {
  const { registry } = open({ refuse: 'RTV_FENCED_MEDIA' });
  registry.deliver('call', words('a'));
  await vi.waitFor(() => expect(registry.deliver('call', words('b'))).toBe(false));
  const other = open();
  void other.session.close();
  expect(other.registry.deliver('call', words('a'))).toBe(false);
});

it('keys are one turn of the caller', async () => {
  const { session, turns } = open();
  for (const key of '472#') session.tone(key);
  await vi.waitFor(() => expect(turns.map(({ role, text }) => [role, text])).toEqual([['user', '472']]));
});

it('words that were not final are no turn of a call that has gone meanwhile, nor answered', async () => {
  vi.useFakeTimers();
  try {
    for (const go of ['abandon', 'handOver'] as const) {
      const { session, registry, turns, asked } = open();
      await vi.waitFor(() => expect(asked).toEqual([undefined]));
      registry.deliver('call', { ...words('a'), final: false });
      const going = session[go]();
      await vi.advanceTimersByTimeAsync(60_000);
      await going;
      expect([turns, asked]).toEqual([[], [undefined]]);
    }
  } finally {
    vi.useRealTimers();
  }
});

describe('a call on hold', () => {
  it('hears nothing of what the agent says, and all of it afterwards', async () => {
    const { session, registry, turns, asked, frames } = open({ says: 'One sentence.' });
    registry.hold('call', true);
    registry.deliver('call', words('a'));
    await vi.waitFor(() => expect(asked).toContain('hello'));
    // The reply is made and waits.
    await vi.waitFor(() => expect(session.speaking).toBe(true));
    expect(frames()).toBe(0);
    expect(registry.hold('call', false)).toBe(true);
    await vi.waitFor(() => expect(turns.map(({ role }) => role)).toEqual(['user', 'agent']), 10_000);
    expect(frames()).toBe(100);
  });

  it('falls silent at once in mid-reply', async () => {
    const { session, registry, frames } = open({ says: 'One sentence.' });
    registry.deliver('call', words('a'));
    await vi.waitFor(() => expect(frames()).toBeGreaterThan(0));
    session.hold(true);
    const before = frames();
    await vi.waitFor(() => expect(session.speaking).toBe(true));
    session.hold(false);
    await vi.waitFor(() => expect(frames()).toBeGreaterThan(before + 50), 10_000);
  });

  it('is still on hold where another worker takes it', async () => {
    const { session, registry, asked, frames } = open({ says: 'One sentence.', held: true });
    registry.deliver('call', words('a'));
    await vi.waitFor(() => expect(asked).toContain('hello'));
    await vi.waitFor(() => expect(session.speaking).toBe(true));
    expect(frames()).toBe(0);
  });

  it('is not given up for its silence, but may be after it', async () => {
    vi.useFakeTimers();
    try {
      const { session, hungUp, asked } = open({ repromptMs: 1_000 });
      await vi.waitFor(() => expect(asked).toEqual([undefined]));
      session.hold(true);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(hungUp()).toBe(0);
      session.hold(false);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(hungUp()).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('belongs to another worker where its audio is not here', () => {
    expect(open().registry.hold('another', true)).toBe(false);
  });
});
