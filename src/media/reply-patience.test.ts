import { describe, expect, it } from 'vitest';
import type { ReplyPart } from '../agent/responder.js';
import { SentenceSplitter } from '../speech/sentences.js';
import { Playout, PlayoutClock } from './playout.js';
import type { Voice } from './ports.js';
import { Reply } from './reply.js';
import type { ReplyOutcome, ReplyPlan } from './reply-plan.js';

const SPEAKER = { language: 'en-US', voice: 'kal16' };
const FILLER = 'One moment.';
const FALLBACK = 'Could you say it again?';
const never = new Promise<never>(() => undefined);

type Speak = (text: string, signal: AbortSignal) => Promise<Buffer>;
/** 40 ms of sound for any text. */
const sound: Speak = async () => Buffer.alloc(2 * 640, 1);

interface Setting {
  readonly speak?: Speak;
  readonly plan?: Partial<ReplyPlan>;
}

/** A reply on a real playout; what it says to the voice and to the record is kept. */
function begin({ speak = sound, plan = {} }: Setting = {}) {
  const frames: string[] = [];
  const spoken: string[] = [];
  const saying: (readonly string[])[] = [];
  const failures: string[] = [];
  const clock = new PlayoutClock();
  const line = { send: (message: string | Buffer) => frames.push(String(message)) > 0, bufferedAmount: 0 };
  const voice: Voice = {
    speak: async (text, _rate, signal) => {
      spoken.push(text);
      const pcm = await Promise.race([
        speak(text, signal),
        new Promise<never>((_, reject) => {
          const end = (): void => reject(new Error('aborted'));
          if (signal.aborted) end();
          signal.addEventListener('abort', end, { once: true });
        }),
      ]);
      return { pcm, from: 'memory' };
    },
  };
  const reply = new Reply(
    new Playout(clock, { ...line, close: () => undefined }, 16_000),
    voice,
    16_000,
    {
      ...{ speaker: SPEAKER, since: performance.now(), filler: FILLER, fillerMs: 5_000, fallbackMs: 10_000 },
      ...plan,
    },
    {
      saying: async ({ sentences }) => void saying.push([...sentences]),
      started: () => undefined,
      reached: () => undefined,
      stage: () => undefined,
      failed: (what, cause) => {
        failures.push(`${what} ${(cause as { code?: string }).code ?? (cause as Error).message}`);
        return FALLBACK;
      },
    },
  );
  const speakParts = (parts: (signal: AbortSignal) => AsyncIterable<ReplyPart>): Promise<ReplyOutcome> =>
    reply.speak(parts, new SentenceSplitter());
  return { reply, speakParts, frames, spoken, saying, failures };
}

const text = (text: string): ReplyPart => ({ kind: 'text', text });
async function* says(...texts: string[]): AsyncGenerator<ReplyPart> {
  for (const one of texts) yield text(one);
}
const audio = (frames: readonly string[]): number =>
  frames.filter((frame) => frame.includes('udioData')).length;

describe('a reply that goes wrong, or is late', () => {
  it('is spoken sentence by sentence, and recorded before it is heard', async () => {
    const { speakParts, spoken, saying } = begin();
    const outcome = await speakParts(() => says('First one. Sec', 'ond one. '));
    expect(outcome).toMatchObject({ text: 'First one. Second one.', interrupted: false, failed: false });
    expect(spoken).toEqual(['First one.', 'Second one.']);
    expect(saying.slice(0, 2)).toEqual([['First one.'], ['First one.', 'Second one.']]);
  });

  it('is not heard before the words that it answers are on record', async () => {
    let settle = (): void => undefined;
    const recorded = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const { speakParts, spoken, frames } = begin({ plan: { recorded } });
    const speaking = speakParts(() => says('Yes.'));
    // The speech is made meanwhile.
    while (spoken.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(audio(frames)).toBe(0);
    settle();
    expect((await speaking).text).toBe('Yes.');
    expect(audio(frames)).toBe(2);
  });

  it('of an agent that hangs: a filler, then the fallback; an agent that does not listen is left behind', async () => {
    const { speakParts, failures, saying } = begin({ plan: { fillerMs: 30, fallbackMs: 120 } });
    let signal: AbortSignal | undefined;
    const outcome = await speakParts(async function* (given) {
      signal = given;
      await never;
      yield text('Too late.');
    });
    expect(outcome).toMatchObject({ text: `${FILLER} ${FALLBACK}`, failed: true, interrupted: false });
    expect(failures).toEqual(['agent RTV_REPLY_LATE']);
    expect(signal?.aborted).toBe(true);
    // A filler is nothing that another worker should say again.
    expect(saying).toEqual([]);
  });

  it('has no filler where it begins in time', async () => {
    const { speakParts } = begin({ plan: { fillerMs: 200 } });
    const outcome = await speakParts(async function* () {
      yield text('Here I am. And ');
      await new Promise((resolve) => setTimeout(resolve, 250));
      yield text('this took long. ');
    });
    expect(outcome.text).toBe('Here I am. And this took long.');
  });

  it('whose agent breaks off in mid-sentence: whole sentences, then the fallback', async () => {
    const { speakParts, failures } = begin();
    const outcome = await speakParts(async function* () {
      yield text('Your claim is open. Its number is ');
      throw Object.assign(new Error('cut'), { code: 'RTV_AGENT_CUT' });
    });
    expect(outcome).toMatchObject({ text: `Your claim is open. ${FALLBACK}`, failed: true });
    expect(failures).toEqual(['agent RTV_AGENT_CUT']);
  });

  it('whose speech fails: the fallback once, and nothing more is asked of the agent', async () => {
    const { speakParts, failures, spoken } = begin({
      speak: async (words, signal) => {
        if (words !== FALLBACK) throw new Error('no engine');
        return sound(words, signal);
      },
    });
    let left = false;
    const outcome = await speakParts(async function* () {
      try {
        yield text('One. Two. ');
        yield text('Three. ');
      } finally {
        left = true;
      }
    });
    expect(outcome).toMatchObject({ text: FALLBACK, failed: true });
    expect(failures).toEqual(['speech no engine']);
    expect(spoken).toEqual(['One.', FALLBACK]);
    expect(left).toBe(true);
  });

  it('whose speech hangs is given up for the fallback', async () => {
    let aborted = false;
    const { speakParts, failures } = begin({
      plan: { fallbackMs: 80, filler: '' },
      speak: (words, signal) => {
        if (words === FALLBACK) return sound(words, signal);
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return never;
      },
    });
    expect(await speakParts(() => says('Hello there. '))).toMatchObject({ text: FALLBACK, failed: true });
    expect(failures).toEqual(['speech RTV_REPLY_LATE']);
    expect(aborted).toBe(true);
  });

  it('without any speech is a sound, so that the line is not dead, and no words in the record', async () => {
    const { speakParts, frames } = begin({
      speak: async () => {
        throw new Error('no engine');
      },
    });
    expect(await speakParts(() => says('Hello. '))).toMatchObject({ text: '', failed: true });
    expect(audio(frames)).toBeGreaterThan(10);
  });

  it('that is cut ends at once, whatever agent and speech do', async () => {
    for (const parts of [
      () => says('Hello there. '),
      async function* () {
        await never;
        yield text('');
      },
    ]) {
      const { reply, speakParts, failures } = begin({ speak: () => never });
      const speaking = speakParts(parts);
      reply.interrupt();
      expect(await speaking).toMatchObject({ text: '', interrupted: true, failed: false });
      expect(failures).toEqual([]);
    }
  });

  it('that is cut in its filler has said of it what was heard', async () => {
    const { reply, speakParts, frames } = begin({
      plan: { fillerMs: 1 },
      speak: async () => Buffer.alloc(64_000, 1),
    });
    const speaking = speakParts(async function* () {
      await never;
      yield text('');
    });
    while (audio(frames) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    reply.interrupt();
    const outcome = await speaking;
    expect(outcome.interrupted).toBe(true);
    expect(FILLER).toContain(outcome.text);
    expect(outcome.text).not.toBe(FILLER);
  });
});
