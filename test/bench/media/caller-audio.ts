/**
 * The sound of one caller, frame by frame: a noise that never stops, and sounds laid over it at given frames. What a
 * microphone would give, so that the true onset of each sound is known to the sample.
 */
import { rms, toFloat } from '../../speech/vad-trials.js';
import { SPEECH_RMS } from './material.js';

const FRAME_SAMPLES = 320;

interface Overlay {
  readonly samples: Float32Array;
  readonly gain: number;
  /** Sample of the stream at which it begins. */
  readonly at: number;
}

export class CallerAudio {
  readonly #noise: Float32Array;
  readonly #noiseGain: number;
  readonly #offset: number;
  readonly #frame = Buffer.alloc(FRAME_SAMPLES * 2);
  #overlays: Overlay[] = [];

  /** @param noise with an RMS of 1. @param snrDb of speech over it. @param offset where in the noise to begin */
  constructor(noise: Float32Array, snrDb: number, offset: number) {
    this.#noise = noise;
    this.#noiseGain = SPEECH_RMS / 10 ** (snrDb / 20);
    this.#offset = offset;
  }

  /** Speech at a telephone's level, from this frame of the stream on. */
  speak(pcm: Buffer, frame: number): void {
    const samples = toFloat(pcm);
    this.#overlays.push({ samples, gain: SPEECH_RMS / activeRms(samples), at: frame * FRAME_SAMPLES });
  }

  /** Samples as they are. */
  sound(samples: Float32Array, frame: number): void {
    this.#overlays.push({ samples, gain: 1, at: frame * FRAME_SAMPLES });
  }

  /** A frame of the stream; valid until the next one is asked for. */
  frame(number: number): Buffer {
    const start = number * FRAME_SAMPLES;
    this.#overlays = this.#overlays.filter(({ at, samples }) => at + samples.length > start);
    for (let index = 0; index < FRAME_SAMPLES; index += 1) {
      let value = (this.#noise[(this.#offset + start + index) % this.#noise.length] ?? 0) * this.#noiseGain;
      for (const { samples, gain, at } of this.#overlays) {
        value += (samples[start + index - at] ?? 0) * gain;
      }
      const sample = Math.round(value * 32_768);
      this.#frame.writeInt16LE(Math.max(-32_768, Math.min(32_767, sample)), index * 2);
    }
    return this.#frame;
  }
}

/** RMS over what is not silence: 10 ms pieces within 20 dB of the loudest. */
function activeRms(samples: Float32Array): number {
  const pieces = Array.from({ length: Math.floor(samples.length / 160) }, (_, index) =>
    rms(samples.subarray(index * 160, index * 160 + 160)),
  );
  const limit = Math.max(...pieces) / 10;
  const active = pieces.filter((level) => level > limit);
  return Math.sqrt(active.reduce((sum, level) => sum + level ** 2, 0) / Math.max(1, active.length)) || 1;
}
