import { describe, expect, it } from 'vitest';
import { type EarHooks, Ears, isIgnored, type VoiceEar } from './ears.js';

const FRAME = Buffer.alloc(640);

function call() {
  const log: string[] = [];
  const hooks: EarHooks = {
    voiceStarted: () => log.push('started'),
    voice: ({ voicedMs }) => log.push(`voice ${voicedMs}`),
    voiceEnded: ({ voicedMs }) => log.push(`ended ${voicedMs}`),
    missing: (frames) => log.push(`missing ${frames}`),
  };
  const all: FakeEar[] = [];
  const ears = new Ears(() => {
    const ear = new FakeEar();
    all.push(ear);
    return ear;
  }, hooks);
  const push = (id?: string): void => ears.push({ pcm: FRAME, ...(id ? { participantRawID: id } : {}) });
  return { ears, all, log, push };
}

/** An ear that is told what it hears. */
class FakeEar implements VoiceEar {
  onSpeechStart: VoiceEar['onSpeechStart'];
  onVoice: VoiceEar['onVoice'];
  onSpeechEnd: VoiceEar['onSpeechEnd'];
  readonly frames: number[] = [];
  speaking = false;
  closed = false;
  span = { voicedMs: 0, clearMs: 0 };

  push(_frame: Buffer, atMs: number): void {
    this.frames.push(atMs);
  }
  close(): void {
    this.closed = true;
  }
  says(voicedMs: number): void {
    const before = this.speaking;
    this.speaking = true;
    this.span = { voicedMs, clearMs: voicedMs };
    if (!before) this.onSpeechStart?.({ atMs: 0, heardMs: 0, ...this.span });
    this.onVoice?.(this.span);
  }
  stops(): void {
    this.speaking = false;
    this.onSpeechEnd?.({ atMs: 0, heardMs: 0, ...this.span });
  }
}

describe('the ears of a call', () => {
  it('are one where all are mixed', () => {
    const { all, log, push } = call();
    push();
    push();
    expect(all.map(({ frames }) => frames)).toEqual([[0, 20]]);
    all[0]?.says(100);
    all[0]?.stops();
    expect(log).toEqual(['started', 'voice 100', 'ended 100']);
  });

  it('are one for each participant, each with its own time', () => {
    const { all, push } = call();
    for (const id of ['4:+1', '8:a', '4:+1', '8:a', '4:+1']) push(id);
    expect(all.map(({ frames }) => frames)).toEqual([
      [0, 20, 40],
      [0, 20],
    ]);
  });

  it('let anybody interrupt, and tell of one voice that goes from one to the other', () => {
    const { ears, all, log, push } = call();
    push('4:+1');
    push('8:a');
    const [first, second] = all;
    second?.says(200);
    first?.says(50);
    first?.says(90);
    expect(ears.span.voicedMs).toBe(200);
    second?.stops();
    expect(ears.speaking).toBe(true);
    first?.says(120);
    first?.stops();
    expect(ears.speaking).toBe(false);
    expect(log).toEqual(['started', 'voice 200', 'voice 230', 'ended 230']);
  });

  it('are bounded: who was heard longest ago makes room, in mid-word too', () => {
    const { ears, all, log, push } = call();
    push('4:first');
    all[0]?.says(300);
    for (let index = 0; index < 40; index += 1) push(`8:${index}`);
    expect(all.filter(({ closed }) => !closed)).toHaveLength(8);
    expect(all[0]?.closed).toBe(true);
    expect(log).toEqual(['started', 'voice 300', 'ended 300']);
    ears.close();
    expect(all.every(({ closed }) => closed)).toBe(true);
  });

  it('keep who speaks all the time, whoever else comes and goes', () => {
    const { all, push } = call();
    for (let index = 0; index < 40; index += 1) {
      push('4:first');
      push(`8:${index}`);
    }
    expect(all[0]?.closed).toBe(false);
    expect(all[0]?.frames).toHaveLength(40);
  });

  it('tell of frames that never came', () => {
    const { ears, log, all } = call();
    for (let index = 0; index < 40; index += 1) {
      ears.push({ pcm: FRAME, timestampMs: 1_000 + (index < 20 ? index : index + 3) * 20 });
    }
    expect(log).toEqual(['missing 3']);
    expect(all[0]?.frames.at(-1)).toBe(42 * 20);
  });

  it('keep time without voice activity', () => {
    const ears = new Ears(() => undefined, {
      voiceStarted: () => undefined,
      voice: () => undefined,
      voiceEnded: () => undefined,
      missing: () => undefined,
    });
    ears.push({ pcm: FRAME });
    expect(ears.speaking).toBe(false);
  });
});

describe('who is ignored', () => {
  it('is known by the kind of the raw id', () => {
    expect(isIgnored('28:acs:bot', ['28:'])).toBe(true);
    expect(isIgnored('8:acs:person', ['28:'])).toBe(false);
    expect(isIgnored('4:+15550100', ['28:'])).toBe(false);
    expect(isIgnored(undefined, ['28:'])).toBe(false);
    expect(isIgnored('28:acs:bot', [])).toBe(false);
  });
});
