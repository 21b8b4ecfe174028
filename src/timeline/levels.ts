/** How loud each side of a recording is over time, and where on the timeline the recording begins. Pure. */
import type { WavAudio } from '../audio/wav.js';
import type { Timeline, TimelineTurn } from './model.js';

/** A level each, ms. */
export const LEVEL_MS = 20;

export interface Levels {
  /** 0 to 1 of full scale, peak of each 20 ms. Without a caller the recording is of what the caller heard alone. */
  readonly caller: Float32Array | undefined;
  readonly agent: Float32Array;
}

/** Two channels are caller and agent; one is what the caller heard. */
export function levelsOf({ pcm, sampleRate, channels }: WavAudio): Levels {
  const samples = Math.floor(pcm.length / 2 / channels);
  const step = Math.round((sampleRate * LEVEL_MS) / 1_000);
  const channel = (index: number): Float32Array => {
    const levels = new Float32Array(Math.ceil(samples / step));
    for (let sample = 0; sample < samples; sample += 1) {
      const value = Math.abs(pcm.readInt16LE((sample * channels + index) * 2)) / 32_768;
      const at = Math.floor(sample / step);
      if (value > (levels[at] ?? 0)) levels[at] = value;
    }
    return levels;
  };
  return channels === 1
    ? { caller: undefined, agent: channel(0) }
    : { caller: channel(0), agent: channel(1) };
}

const VOICE_LEVEL = 0.02;
/** A recording begins with the call or some seconds before or after its first word, ms. */
const MOST_OFFSET_MS = 30_000;

/**
 * Where the recording begins, ms on the timeline (mostly negative: a call is connected before its first word). The one
 * offset at which the sound agrees best with the turns.
 */
export function offsetOf(levels: Levels, timeline: Timeline): number {
  const sides = [
    { levels: levels.agent, spoken: timeline.turns.filter(({ who }) => who === 'agent') },
    ...(levels.caller
      ? [{ levels: levels.caller, spoken: timeline.turns.filter(({ who }) => who === 'caller') }]
      : []),
  ].map((side) => ({
    voice: side.levels.map((level) => (level > VOICE_LEVEL ? 1 : -1)),
    spoken: side.spoken,
  }));
  let best = { score: Number.NEGATIVE_INFINITY, offset: 0 };
  for (let offset = -MOST_OFFSET_MS; offset <= MOST_OFFSET_MS; offset += LEVEL_MS) {
    const score = sides.reduce((sum, { voice, spoken }) => sum + agreement(voice, spoken, offset), 0);
    if (score > best.score) best = { score, offset };
  }
  return best.offset;
}

/** Voice within the turns counts for an offset, silence there against it. */
function agreement(voice: Float32Array, spoken: readonly TimelineTurn[], offset: number): number {
  let sum = 0;
  for (const { fromMs, toMs } of spoken) {
    const from = Math.round((fromMs - offset) / LEVEL_MS);
    const to = Math.round((toMs - offset) / LEVEL_MS);
    for (let at = from; at < to; at += 1) sum += voice[at] ?? -1;
  }
  return sum;
}
