/** Words that come twice are one turn; words for a call that is elsewhere by now are not taken. */
import { afterEach, expect, it, vi } from 'vitest';
import type { TurnOffer } from '../call/turn.js';
import { emptyContext } from '../memory/context.js';
import { Speakers } from '../speech/speaker.js';
import { TextsByLanguage } from '../speech/spoken-texts.js';
import { PlayoutClock } from './playout.js';
import { SessionRegistry } from './registry.js';
import { MediaSession } from './session.js';
import type { Heard, SessionServices } from './session-services.js';

const nothing = (): undefined => undefined;
const sessions: MediaSession[] = [];

function open(refuse?: 'RTV_FENCED_MEDIA') {
  const turns: TurnOffer[] = [];
  const asked: (string | undefined)[] = [];
  const origin = { correlationId: 'c' };
  const services: SessionServices = {
    link: {
      attach: async () => ({
        ok: true,
        incarnation: 'i',
        mediaEpoch: 1,
        provisional: false,
        context: emptyContext(),
        origin,
      }),
      say: async () => ({ ok: true }),
      turn: async (_callId, _at, _turnNo, offer) => {
        if (refuse) return { ok: false, code: refuse };
        turns.push(offer);
        return { ok: true, seq: turns.length, durable: true, archivedNo: turns.length };
      },
      detach: async () => ({ ok: true }),
      transcribing: async () => ({ ok: true, workerId: '', workerUrl: '', mediaEpoch: 1 }),
      transcriptionLost: async () => ({ ok: true }),
    },
    clock: new PlayoutClock(() => true),
    voice: { speak: async () => ({ pcm: Buffer.alloc(640), from: 'memory' }) },
    responder: {
      agent: 'a',
      // biome-ignore lint/correctness/useYield: an agent that says nothing
      async *reply({ heard }) {
        asked.push(heard);
      },
      phrases: () => [],
    },
    trace: { span: (_name, _parent, _facts, work) => work(), past: nothing },
    splitter: () => ({ push: () => [], flush: () => [] }),
    texts: new TextsByLanguage('en-US'),
    speakers: new Speakers({ language: 'en-US', voice: 'kal16' }),
    patience: { fillerMs: 0, fallbackMs: 60_000 },
    silence: { repromptMs: 60_000, reprompts: 0 },
    metrics: {
      ...{
        firstFrame: nothing,
        greeting: nothing,
        turnAnswered: nothing,
        turnMeasured: nothing,
        frameIn: nothing,
        malformed: nothing,
      },
      ...{ interrupted: nothing, paused: nothing, failed: nothing, turnLost: nothing, bridged: nothing },
    },
    log: { info: nothing, warn: nothing },
    affinity: { add: async () => undefined, remove: async () => undefined },
    hangUp: nothing,
    languageChanged: nothing,
  };
  const line = { send: nothing, bufferedAmount: 0, close: nothing };
  const session = new MediaSession('call', origin, line, 16_000, services);
  sessions.push(session);
  const registry = new SessionRegistry();
  registry.add(session);
  session.open();
  return { session, registry, turns, asked };
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
  const { registry } = open('RTV_FENCED_MEDIA');
  registry.deliver('call', words('a'));
  await vi.waitFor(() => expect(registry.deliver('call', words('b'))).toBe(false));
  const other = open();
  void other.session.close();
  expect(other.registry.deliver('call', words('a'))).toBe(false);
});
