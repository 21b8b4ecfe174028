import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LEAD_MS, Playout, PlayoutClock } from './playout.js';
import type { MediaLine } from './ports.js';

const FRAME_BYTES = 640;
const LOUD = 20_000;

function phone() {
  const sent: { atMs: number; kind: 'audio' | 'stop'; first: number }[] = [];
  const line: MediaLine = {
    bufferedAmount: 0,
    send: (message) => {
      const parsed = JSON.parse(message.toString()) as { kind: string; audioData?: { data: string } };
      const pcm = Buffer.from(parsed.audioData?.data ?? '', 'base64');
      const kind = parsed.kind === 'stopAudio' ? 'stop' : 'audio';
      sent.push({
        atMs: performance.now(),
        kind,
        // The middle: edges may be ramped.
        first: pcm.length >= 2 ? pcm.readInt16LE(FRAME_BYTES / 2) : 0,
      });
      return true;
    },
    close: () => undefined,
  };
  const clock = new PlayoutClock();
  return { sent, line, clock, playout: new Playout(clock, line, 16_000) };
}

/** Each frame's samples hold the frame's number, from 1. */
function clip(frames: number): Buffer {
  const pcm = Buffer.alloc(frames * FRAME_BYTES);
  for (let at = 0; at < pcm.length; at += 2) pcm.writeInt16LE(Math.floor(at / FRAME_BYTES) + 1, at);
  return pcm;
}

describe('playout', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('sends a lead at once, then a frame each 20 ms, without drift, and rests', () => {
    const { sent, playout, clock } = phone();
    const played = vi.fn();
    const start = performance.now();
    playout.play({ pcm: clip(100), onPlayed: played });
    expect(sent.length).toBe(LEAD_MS / 20);
    vi.advanceTimersByTime(2_100);
    expect(sent.map((frame) => frame.first)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    sent.forEach((frame, index) => {
      expect(frame.atMs - start).toBeGreaterThanOrEqual(Math.max(0, index * 20 - LEAD_MS));
      expect(frame.atMs - start).toBeLessThanOrEqual(Math.max(0, index * 20 - LEAD_MS) + 20);
    });
    expect(played).toHaveBeenCalledOnce();
    expect(clock.active).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('says that a clip was played only once its last frame was heard', () => {
    const { playout } = phone();
    let playedAt = 0;
    const start = performance.now();
    playout.play({ pcm: clip(10), onPlayed: () => (playedAt = performance.now() - start) });
    vi.advanceTimersByTime(1_000);
    expect(playedAt).toBeGreaterThanOrEqual(200);
    expect(playedAt).toBeLessThanOrEqual(220);
  });

  it('pauses with StopAudio, sends nothing while paused, and goes on where the caller stopped hearing', () => {
    const { sent, playout } = phone();
    playout.play({ pcm: clip(50) });
    vi.advanceTimersByTime(400);
    playout.pause();
    const before = sent.length;
    expect(sent.at(-1)?.kind).toBe('stop');
    vi.advanceTimersByTime(600);
    expect(sent.length).toBe(before);
    playout.resume();
    // 400 ms were heard: frame 21 is next, whatever had been sent ahead.
    expect(sent[before]?.kind).toBe('audio');
    vi.advanceTimersByTime(2_000);
    const after = sent.slice(before).map((frame) => frame.first);
    expect(after.slice(1)).toEqual(Array.from({ length: 29 }, (_, index) => index + 22));
  });

  it('is silent for as long as there is a reason, and then goes on', () => {
    const { sent, playout, clock } = phone();
    playout.play({ pcm: clip(50) });
    vi.advanceTimersByTime(400);
    playout.pause('voice');
    playout.pause('hold');
    const before = sent.length;
    expect(sent.filter(({ kind }) => kind === 'stop')).toHaveLength(1);
    playout.resume('voice');
    playout.play({ pcm: clip(10) });
    vi.advanceTimersByTime(60_000);
    expect(sent.length).toBe(before);
    expect(clock.active).toBe(0);
    playout.resume('hold');
    vi.advanceTimersByTime(2_000);
    expect(sent.slice(before).map(({ kind }) => kind)).toEqual(Array<string>(40).fill('audio'));
  });

  it('stays on hold when a reply is cut: nothing of the next one is heard before the end of it', () => {
    const { sent, playout } = phone();
    playout.pause('hold');
    playout.play({ pcm: clip(20) });
    playout.cut();
    playout.play({ pcm: clip(20) });
    vi.advanceTimersByTime(2_000);
    expect(sent).toEqual([]);
    playout.resume('hold');
    vi.advanceTimersByTime(2_000);
    expect(sent).toHaveLength(20);
  });

  it('has no step at the edge of what it plays: at a resumption, and where a clip ends in mid-sound', () => {
    const pcm = Buffer.alloc(50 * FRAME_BYTES - 100);
    for (let at = 0; at < pcm.length; at += 2) pcm.writeInt16LE(LOUD, at);
    const heard: Buffer[] = [];
    const line: MediaLine = {
      bufferedAmount: 0,
      send: (message) => {
        const { audioData } = JSON.parse(message.toString()) as { audioData?: { data: string } };
        if (audioData) heard.push(Buffer.from(audioData.data, 'base64'));
        else heard.length = 0;
        return true;
      },
      close: () => undefined,
    };
    const playout = new Playout(new PlayoutClock(), line, 16_000);
    playout.play({ pcm });
    vi.advanceTimersByTime(400);
    playout.pause();
    playout.resume();
    vi.advanceTimersByTime(2_000);
    const sound = Buffer.concat([Buffer.alloc(2), ...heard, Buffer.alloc(2)]);
    const steps = Array.from({ length: sound.length / 2 - 1 }, (_, index) =>
      Math.abs(sound.readInt16LE(index * 2 + 2) - sound.readInt16LE(index * 2)),
    );
    expect(heard).toHaveLength(30);
    expect(Math.max(...steps)).toBeLessThanOrEqual(LOUD / 100);
  });

  it('never sends a frame of a cut reply, and tells what was heard of each clip', () => {
    const { sent, playout, clock } = phone();
    playout.play({ pcm: clip(20) });
    playout.play({ pcm: clip(20) });
    vi.advanceTimersByTime(500);
    const { clips } = playout.cut();
    const before = sent.length;
    vi.advanceTimersByTime(2_000);
    expect(sent.length).toBe(before);
    expect(sent.at(-1)?.kind).toBe('stop');
    expect(clips.map(({ heardMs, lengthMs }) => [heardMs, lengthMs])).toEqual([[100, 400]]);
    expect(clock.active).toBe(0);
  });

  it('waits for a socket that does not keep up', () => {
    const { sent, playout, line } = phone();
    Object.assign(line, { bufferedAmount: 10_000_000 });
    playout.play({ pcm: clip(10) });
    vi.advanceTimersByTime(300);
    expect(sent.length).toBe(0);
    Object.assign(line, { bufferedAmount: 0 });
    vi.advanceTimersByTime(400);
    expect(sent.length).toBe(10);
  });
});
