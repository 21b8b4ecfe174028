const MAX_RECORDED_FRAMES = 50 * 60 * 30;

/**
 * What was said and heard at the caller's end, on the caller's timeline. Silence costs nothing: only frames with sound
 * are kept, as references into buffers that exist anyway.
 */
export class Recorder {
  readonly #frameBytes: number;
  readonly #agent: Array<readonly [number, Buffer]> = [];
  readonly #caller: Array<readonly [number, Buffer]> = [];
  #frames = 0;

  constructor(frameBytes: number) {
    this.#frameBytes = frameBytes;
  }

  /** Notes one 20 ms frame of the timeline; undefined is silence. */
  add(frame: number, agent: Buffer | undefined, caller: Buffer | undefined): void {
    if (frame >= MAX_RECORDED_FRAMES) return;
    this.#frames = Math.max(this.#frames, frame + 1);
    if (agent !== undefined) this.#agent.push([frame, agent]);
    if (caller !== undefined) this.#caller.push([frame, caller]);
  }

  /** Bytes that the kept frames take. */
  get bytes(): number {
    return (this.#agent.length + this.#caller.length) * this.#frameBytes;
  }

  get durationMs(): number {
    return this.#frames * 20;
  }

  /** PCM16 of the agent alone. */
  mono(): Buffer {
    const out = Buffer.alloc(this.#frames * this.#frameBytes);
    for (const [frame, pcm] of this.#agent) pcm.copy(out, frame * this.#frameBytes, 0, this.#frameBytes);
    return out;
  }

  /** PCM16 interleaved: caller left, agent right. */
  stereo(): Buffer {
    const out = Buffer.alloc(this.#frames * this.#frameBytes * 2);
    interleave(out, this.#caller, 0, this.#frameBytes);
    interleave(out, this.#agent, 2, this.#frameBytes);
    return out;
  }
}

function interleave(
  out: Buffer,
  frames: ReadonlyArray<readonly [number, Buffer]>,
  channelOffset: number,
  frameBytes: number,
): void {
  for (const [frame, pcm] of frames) {
    const start = frame * frameBytes * 2 + channelOffset;
    const length = Math.min(pcm.length, frameBytes);
    for (let at = 0; at + 1 < length; at += 2) out.writeInt16LE(pcm.readInt16LE(at), start + at * 2);
  }
}
