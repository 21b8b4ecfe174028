import { describe, expect, it, vi } from 'vitest';
import type { Attached, TurnAnswer } from '../actors/call-messages.js';
import type { Answer } from '../actors/ports.js';
import type { TurnOffer } from '../call/turn.js';
import { emptyContext } from '../memory/context.js';
import { Attachment } from './attachment.js';
import type { CallLink, MediaPosition } from './ports.js';

const attached = (mediaEpoch: number): Answer<Attached> => ({
  ok: true,
  incarnation: 'i1',
  mediaEpoch,
  provisional: false,
  context: emptyContext(),
  origin: { correlationId: 'c1' },
});

const offer = (turnId: string): TurnOffer => ({
  turnId,
  role: 'user',
  text: 'hello',
  agent: 'a',
  startedAtMs: 1,
  endedAtMs: 2,
});

const taken: Answer<TurnAnswer> = { ok: true, seq: 1, durable: true, archivedNo: 0 };

function world(attaches: Answer<Attached>[], turns: Answer<TurnAnswer>[] = []) {
  const sent: { at: MediaPosition; turnNo: number; turnId: string }[] = [];
  const asked: (MediaPosition | undefined)[] = [];
  const detached: { at: MediaPosition; handOver: boolean }[] = [];
  const answers: Answer<object>[] = [];
  const lost: string[] = [];
  const link: CallLink = {
    attach: async (_callId, _origin, previous) => {
      asked.push(previous);
      return attaches.shift() ?? { ok: false, code: 'RTV_INTERNAL' };
    },
    say: async () => ({ ok: true }),
    turn: async (_callId, at, turnNo, { turnId }) => {
      sent.push({ at, turnNo, turnId });
      return turns.shift() ?? taken;
    },
    detach: async (_callId, at, handOver) => {
      detached.push({ at, handOver });
      return answers.shift() ?? { ok: true };
    },
    transcribing: async () => ({ ok: true, workerId: '', workerUrl: '', mediaEpoch: 0 }),
    transcriptionLost: async () => ({ ok: true }),
  };
  const metrics = { turnAnswered: () => undefined, turnLost: () => undefined };
  const attachment = new Attachment(
    'call',
    { correlationId: '' },
    { link, metrics },
    { lost: (code) => lost.push(code) },
  );
  return { attachment, sent, asked, detached, answers, lost };
}

describe('attachment', () => {
  it('asks until the actor answers, and holds the place that it was given', async () => {
    const { attachment, asked } = world([{ ok: false, code: 'RTV_REDIS_UNAVAILABLE' }, attached(3)]);
    expect(await attachment.take(() => true)).toEqual({ saying: undefined, gapMs: 0, held: false });
    expect(asked).toEqual([undefined, undefined]);
    expect(attachment.position).toEqual({ incarnation: 'i1', mediaEpoch: 3 });
    expect(attachment.origin).toEqual({ correlationId: 'c1' });
  });

  it('asks a call that is over once', async () => {
    const { attachment, asked, lost } = world([{ ok: false, code: 'RTV_CALL_ENDED' }]);
    expect(await attachment.take(() => true)).toBeUndefined();
    expect(asked).toHaveLength(1);
    expect(lost).toEqual(['RTV_CALL_ENDED']);
  });

  it('takes a new epoch where the actor lost its own, and sends the turn again from number 1', async () => {
    const { attachment, sent, asked } = world(
      [attached(1), attached(2)],
      [taken, { ok: false, code: 'RTV_CALL_UNKNOWN' }],
    );
    await attachment.take(() => true);
    expect(await attachment.turn(offer('t1'))).toBe(true);
    expect(await attachment.turn(offer('t2'))).toBe(true);
    expect(asked.at(-1)).toEqual({ incarnation: 'i1', mediaEpoch: 1 });
    await vi.waitFor(() =>
      expect(sent.slice(-2)).toEqual([
        { at: { incarnation: 'i1', mediaEpoch: 2 }, turnNo: 1, turnId: 't1' },
        { at: { incarnation: 'i1', mediaEpoch: 2 }, turnNo: 2, turnId: 't2' },
      ]),
    );
    expect(attachment.context.window.map(({ text }) => text)).toEqual(['hello', 'hello']);
    attachment.abandon();
  });

  it('tells an actor that is on its way until it knows', async () => {
    const one = world([attached(1)]);
    one.answers.push({ ok: false, code: 'RTV_ACTOR_UNREACHABLE' }, { ok: false, code: 'RTV_FENCED_OWNER' });
    await one.attachment.take(() => true);
    await one.attachment.release(5_000, { handOver: true });
    expect(one.detached).toHaveLength(3);
  });

  it('lets go of what it has, once', async () => {
    const one = world([attached(1)]);
    await one.attachment.take(() => true);
    await one.attachment.release(1_000, { handOver: true });
    await one.attachment.release(1_000, { handOver: false });
    expect(one.detached).toEqual([{ at: { incarnation: 'i1', mediaEpoch: 1 }, handOver: true }]);

    const other = world([attached(1)]);
    await other.attachment.take(() => true);
    other.attachment.abandon();
    await other.attachment.release(1_000, { handOver: false });
    expect(other.lost).toEqual(['RTV_FENCED_MEDIA']);
    // The actor hears of it; where another worker has the call, that is old news.
    expect(other.detached).toEqual([{ at: { incarnation: 'i1', mediaEpoch: 1 }, handOver: false }]);
  });
});
