import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FlitePool } from '../../src/audio/flite.js';
import { bytesPerFrame, FRAME_MS, frames, type SampleRate } from '../../src/audio/pcm.js';
import { resample } from '../../src/audio/resample.js';
import { VoiceActivity } from '../../src/media/vad/voice-activity.js';
import type { VoiceEvent } from '../../src/media/vad/voice-channel.js';
import { babble, mix, seeded, type Trial, whiteNoise } from './vad-trials.js';

const LEAD_MS = 1600;
const TALK =
  'The weather report says that it will rain in the north tomorrow, and the trains are running late again.';

interface Heard {
  starts: VoiceEvent[];
  ends: VoiceEvent[];
}

describe('VoiceActivity', () => {
  const pool = new FlitePool({ threads: 1 });
  const random = seeded(11);
  let vad: VoiceActivity;
  let clips: Buffer[] = [];
  let talkers: Buffer[] = [];

  const say = (text: string, voice: string) => pool.synthesize(text, { voice, sampleRate: 16000 });
  beforeAll(async () => {
    vad = await VoiceActivity.load();
    clips = await Promise.all(
      ['slt', 'rms', 'awb'].map((voice) => say('No, that is not what I meant.', voice)),
    );
    talkers = await Promise.all(['slt', 'rms', 'awb', 'kal16'].map((voice) => say(TALK, voice)));
  });
  afterAll(async () => {
    await vad.close();
    await pool.close();
  });

  /** Plays streams side by side, frame by frame, as fast as the model allows. */
  async function listen(streams: Buffer[], rate: SampleRate = 16000): Promise<Heard[]> {
    const calls = streams.map((pcm) => {
      const channel = vad.open(rate);
      const heard: Heard = { starts: [], ends: [] };
      channel.onSpeechStart = (event) => heard.starts.push(event);
      channel.onSpeechEnd = (event) => heard.ends.push(event);
      return { channel, heard, cut: [...frames(pcm, rate)] };
    });
    for (let n = 0; n < Math.max(...calls.map(({ cut }) => cut.length)); n++) {
      for (const { channel, cut } of calls) {
        const frame = cut[n];
        if (frame) channel.push(frame, 5000 + n * FRAME_MS);
      }
      await vad.idle();
    }
    for (const { channel } of calls) channel.close();
    return calls.map(({ heard }) => heard);
  }

  const trials = (kind: 'white' | 'babble', snrDb: number): Trial[] =>
    clips.map((clip, i) => {
      const samples = 16 * (LEAD_MS + 1500) + clip.length / 2;
      const noise = kind === 'white' ? whiteNoise(samples, random) : babble(samples, talkers, 8, random);
      return mix(clip, noise, LEAD_MS + i * 7, snrDb);
    });

  it.each([
    ['white', 20, 150],
    ['white', 10, 180],
    ['babble', 20, 180],
  ] as const)(
    'hears the caller in %s noise at %i dB within %i ms, once, and hears the end',
    async (kind, snr, limit) => {
      const cases = trials(kind, snr);
      const heard = await listen(cases.map(({ pcm }) => pcm));
      heard.forEach(({ starts, ends }, i) => {
        const { onsetMs = 0, endMs = 0 } = cases[i] ?? {};
        expect(starts).toHaveLength(1);
        expect((starts[0]?.heardMs ?? 0) - 5000 - onsetMs).toBeGreaterThan(-60);
        expect((starts[0]?.heardMs ?? 0) - 5000 - onsetMs).toBeLessThan(limit);
        expect(Math.abs((starts[0]?.atMs ?? 0) - 5000 - onsetMs)).toBeLessThan(150);
        expect(ends).toHaveLength(1);
        expect(Math.abs((ends[0]?.atMs ?? 0) - 5000 - endMs)).toBeLessThan(400);
      });
    },
  );

  it('hears the same at 24 kHz', async () => {
    const cases = trials('white', 20);
    const streams = await Promise.all(cases.map(({ pcm }) => resample(pcm, 16000, 24000)));
    const heard = await listen(streams, 24000);
    heard.forEach(({ starts }, i) => {
      expect(starts).toHaveLength(1);
      expect((starts[0]?.heardMs ?? 0) - 5000 - (cases[i]?.onsetMs ?? 0)).toBeLessThan(150);
    });
  });

  it('takes noise for what it is, and asks the model little about hiss', async () => {
    const before = vad.stats.windows;
    const [quiet] = await listen([
      mix(clips[0] ?? Buffer.alloc(0), whiteNoise(16 * 20_000, random), 1e9, 10).pcm,
    ]);
    expect(quiet?.starts).toEqual([]);
    expect(vad.stats.windows - before).toBeLessThan(100);
    const [crowd] = await listen([
      mix(clips[0] ?? Buffer.alloc(0), babble(16 * 20_000, talkers, 8, random), 1e9, 10).pcm,
    ]);
    expect(crowd?.starts.length).toBeLessThanOrEqual(2);
  });

  it('ends speech where the stream breaks, and starts afresh after it', async () => {
    const channel = vad.open(16000);
    const log: string[] = [];
    channel.onSpeechStart = () => log.push('start');
    channel.onSpeechEnd = () => log.push('end');
    const [trial] = trials('white', 20);
    const cut = [...frames(trial?.pcm ?? Buffer.alloc(0), 16000)];
    let clock = 0;
    for (let round = 0; round < 2; round++) {
      for (const frame of cut.slice(0, 120)) {
        channel.push(frame, clock);
        clock += FRAME_MS;
        await vad.idle();
      }
      clock += 3000;
    }
    expect(log).toEqual(['start', 'end', 'start']);
    channel.push(Buffer.alloc(13), clock);
    channel.close();
    channel.push(cut[0] ?? Buffer.alloc(640), clock);
    expect(log).toEqual(['start', 'end', 'start']);
  });

  it('serves the other calls when one listener throws', async () => {
    const [trial] = trials('white', 20);
    const failures = vad.stats.failures;
    const bad = vad.open(16000);
    const good = vad.open(16000);
    let started = 0;
    bad.onSpeechStart = () => {
      throw new Error('a listener broke');
    };
    good.onSpeechStart = () => {
      started++;
    };
    let at = 0;
    for (const frame of frames(trial?.pcm ?? Buffer.alloc(0), 16000)) {
      bad.push(frame, at);
      good.push(frame, at);
      at += FRAME_MS;
      await vad.idle();
    }
    expect([started, vad.stats.failures]).toEqual([1, failures + 1]);
    bad.close();
    good.close();
    expect(vad.stats.channels).toBe(0);
  });

  it('batches the windows of many calls', async () => {
    const [trial] = trials('white', 20);
    const before = vad.stats;
    await listen(
      Array.from({ length: 40 }, () => trial?.pcm.subarray(0, 120 * bytesPerFrame(16000)) ?? Buffer.alloc(0)),
    );
    const after = vad.stats;
    expect((after.windows - before.windows) / (after.runs - before.runs)).toBeGreaterThan(20);
  });
});
