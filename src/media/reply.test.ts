import { describe, expect, it, vi } from 'vitest';
import type { ReplyPart } from '../agent/responder.js';
import { Playout, PlayoutClock } from './playout.js';
import type { Spoken } from './ports.js';
import { Reply } from './reply.js';
import type { ReplyProgress } from './reply-plan.js';

/** 300 ms of sound for each sentence: longer than the playout's lead. */
const SENTENCE = Buffer.alloc(9_600, 1);
const wordwise = { push: (text: string): string[] => [text], flush: (): string[] => [] };

function world() {
  const sent: string[] = [];
  const line = {
    send: (message: string | Buffer) => sent.push(String(message)) > 0,
    bufferedAmount: 0,
    close: () => undefined,
  };
  const playout = new Playout(new PlayoutClock(), line, 16_000);
  const progress: ReplyProgress[] = [];
  const voice = { speak: async (): Promise<Spoken> => ({ pcm: SENTENCE, from: 'memory' }) };
  const speaker = { language: 'en-US', voice: 'kal16' };
  const plan = { speaker, since: performance.now(), filler: '', fillerMs: 0, fallbackMs: 60_000 };
  const reply = new Reply(playout, voice, 16_000, plan, {
    saying: async (one) => void progress.push(one),
    started: () => undefined,
    reached: () => undefined,
    failed: () => 'sorry',
    stage: () => undefined,
  });
  return { sent, playout, progress, reply };
}

async function* say(...texts: string[]): AsyncGenerator<ReplyPart> {
  yield { kind: 'patch', patch: { slots: { topic: 'claim' } } };
  for (const text of texts) yield { kind: 'text', text };
}

const soon = { timeout: 10_000, interval: 5 };

describe('what is recorded of a reply while it is heard', () => {
  it('names the sentence that is being said, and what belongs to the turn', async () => {
    const { reply, progress } = world();
    await reply.speak(() => say('One.', 'Two.', 'Three.'), wordwise);
    expect(progress[0]).toEqual({ sentences: ['One.'], heard: 0, patch: { slots: { topic: 'claim' } } });
    expect(progress.at(-1)).toMatchObject({ sentences: ['One.', 'Two.', 'Three.'], heard: 2 });
    const heard = progress.map((one) => one.heard ?? 0);
    expect(heard).toEqual([...heard].sort());
  });
});

describe('a reply that the caller cuts', () => {
  it('holds what was heard, and not the sentences that had not begun', async () => {
    const { reply, progress } = world();
    const spoken = reply.speak(() => say('One.', 'Two.', 'Three.', 'Four.'), wordwise);
    await vi.waitFor(() => expect(progress.at(-1)?.heard).toBe(1), soon);
    reply.interrupt();
    const { text, interrupted } = await spoken;
    expect(interrupted).toBe(true);
    expect(text).toMatch(/^One\./);
    expect(text).not.toMatch(/Four/);
  });

  it('before its first sentence ended holds no whole sentence', async () => {
    const { reply, sent } = world();
    const spoken = reply.speak(() => say('A first sentence of several words.', 'Two.'), wordwise);
    await vi.waitFor(() => expect(sent.length).toBeGreaterThan(0), soon);
    reply.interrupt();
    expect((await spoken).text).not.toMatch(/words\.|Two/);
  });
});

describe('a reply that another worker goes on with', () => {
  it('ends after the sentence that is being said, records how far it came, and makes no turn', async () => {
    const { reply, progress, playout } = world();
    const spoken = reply.speak(() => say('One.', 'Two.', 'Three.', 'Four.', 'Five.'), wordwise);
    await vi.waitFor(() => expect(progress.at(-1)?.heard).toBe(1), soon);
    expect(reply.complete).toBe(true);
    await reply.leave(5_000);
    const last = progress.at(-1);
    expect(last?.sentences).toHaveLength(5);
    // The sentence that was being said, or one more whose first frames had gone ahead.
    expect([2, 3]).toContain(last?.heard);
    expect(playout.playing).toBe(false);
    expect(await spoken).toMatchObject({ left: true, interrupted: false });
  });

  it('breaks off where a sentence takes too long: it is said again', async () => {
    const { reply, progress, sent } = world();
    const spoken = reply.speak(() => say('One.'), wordwise);
    await vi.waitFor(() => expect(sent.length).toBeGreaterThan(0), soon);
    await reply.leave(0);
    expect(progress.at(-1)).toMatchObject({ sentences: ['One.'], heard: 0 });
    expect(sent.at(-1)).toMatch(/stopAudio/i);
    expect((await spoken).left).toBe(true);
  });
});
