import { createRequire } from 'node:module';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** Samples at 16 kHz that one inference looks at, beside the context: 32 ms. */
export const WINDOW = 512;
/** Samples of the window before, which the model wants in front of each. */
export const CONTEXT = 64;
/** Values of the model's memory for one stream. */
export const STATE = 256;
/** Streams in one run; more would hold a core for more than 3 ms at a time. */
export const MAX_BATCH = 64;

const HALF = STATE / 2;
const INPUT = CONTEXT + WINDOW;

/** One stream's turn in a batch. */
export interface SileroSlot {
  /** CONTEXT + WINDOW samples, -1 to 1. Copied when the run starts. */
  readonly input: Float32Array;
  /** The model's memory, replaced by each run. All zero at a stream's start. */
  readonly state: Float32Array;
}

/** The Silero voice activity model, version 5, for many streams in one run. */
export class Silero {
  private readonly session: InferenceSession;
  // Inference runs on threads of the runtime; these are not touched until it is done.
  private readonly inputs = new Float32Array(MAX_BATCH * INPUT);
  private readonly states = new Float32Array(MAX_BATCH * STATE);
  private readonly rate = new Tensor('int64', BigInt64Array.of(16000n), []);

  private constructor(session: InferenceSession) {
    this.session = session;
  }

  /** @param modelFile default: the one of the installed package */
  static async load(modelFile?: string): Promise<Silero> {
    const require = createRequire(import.meta.url);
    const file = modelFile ?? require.resolve('@ricky0123/vad-web/dist/silero_vad_v5.onnx');
    const session = await InferenceSession.create(file, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      logSeverityLevel: 3,
    });
    return new Silero(session);
  }

  /** Speech probability of each stream's window. One run at a time; at most MAX_BATCH slots. */
  async run(slots: readonly SileroSlot[]): Promise<Float32Array> {
    const n = slots.length;
    slots.forEach(({ input, state }, i) => {
      this.inputs.set(input, i * INPUT);
      // The model keeps its two layers apart: [layer][stream][value].
      this.states.set(state.subarray(0, HALF), i * HALF);
      this.states.set(state.subarray(HALF), (n + i) * HALF);
    });
    const result = await this.session.run({
      input: new Tensor('float32', this.inputs.subarray(0, n * INPUT), [n, INPUT]),
      state: new Tensor('float32', this.states.subarray(0, n * STATE), [2, n, HALF]),
      sr: this.rate,
    });
    const states = result.stateN?.data;
    const probabilities = result.output?.data;
    if (!(states instanceof Float32Array) || !(probabilities instanceof Float32Array)) {
      throw new Error('the voice activity model has other outputs than expected');
    }
    slots.forEach(({ state }, i) => {
      state.set(states.subarray(i * HALF, (i + 1) * HALF));
      state.set(states.subarray((n + i) * HALF, (n + i + 1) * HALF), HALF);
    });
    return probabilities;
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}
