import { describe, expect, it } from 'vitest';
import { Recorder } from './recorder.js';

describe('the recorder', () => {
  it('keeps both sides on one timeline', () => {
    const recorder = new Recorder(4);
    recorder.add(0, undefined, undefined);
    recorder.add(1, Buffer.from([1, 0, 2, 0]), undefined);
    recorder.add(2, undefined, Buffer.from([3, 0, 4, 0]));
    recorder.add(3, undefined, undefined);
    expect([...recorder.mono()]).toEqual([0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const samples = new Int16Array(new Uint8Array(recorder.stereo()).buffer);
    expect([...samples]).toEqual([0, 0, 0, 0, 0, 1, 0, 2, 3, 0, 4, 0, 0, 0, 0, 0]);
    expect(recorder.durationMs).toBe(80);
    expect(recorder.bytes).toBe(8);
  });
});
