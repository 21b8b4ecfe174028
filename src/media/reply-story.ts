/**
 * What a reply does to the world around it: figures into metrics, turn and trace, failures into the log and into the
 * phrase that the caller hears.
 */
import type { SpokenTexts } from '../speech/spoken-texts.js';
import type { MediaLog, MediaMetrics } from './ports.js';
import type { ReplyMeter } from './reply-meter.js';
import type { ReplyHooks } from './reply-plan.js';
import type { ReplyTrace } from './reply-trace.js';
import { Waterfall } from './waterfall.js';

/** What a reply is to the caller: only an answer is timed from the caller's words. */
export type ReplyKind = 'greeting' | 'answer' | 'other';

export interface StoryParts {
  readonly callId: string;
  readonly turnId: string;
  readonly kind: ReplyKind;
  /** When the caller's final words came; for a greeting when the socket opened. ms of the monotonic clock. */
  readonly since: number;
  /** When the caller's voice fell silent, where it was heard; ms of the monotonic clock. */
  readonly speechEndMs: number | undefined;
  /** The last reply ended with the phrase of a failure. */
  readonly failedBefore: boolean;
  readonly texts: SpokenTexts;
  readonly meter: ReplyMeter;
  readonly traced: ReplyTrace;
  readonly metrics: MediaMetrics;
  readonly log: MediaLog;
}

export class ReplyStory {
  readonly waterfall: Waterfall;
  readonly #parts: StoryParts;
  #started = false;

  constructor(parts: StoryParts) {
    this.#parts = parts;
    this.waterfall = new Waterfall(parts.since, parts.speechEndMs);
  }

  /** All hooks of a reply but the one that records what it is about to say. */
  hooks(): Omit<ReplyHooks, 'saying'> {
    const { traced, metrics, kind, since } = this.#parts;
    return {
      started: (from, waitedMs) => {
        if (this.#started) return;
        this.#started = true;
        const ms = performance.now() - since;
        if (kind === 'greeting') metrics.greeting(ms);
        else metrics.firstFrame(ms, from, waitedMs);
      },
      reached: (moment) => this.waterfall.reached(moment),
      failed: (what, cause) => this.#failed(what, cause),
      stage: (name, startMs, facts) => traced.stage(name, startMs, facts),
    };
  }

  /** The reply was heard or cut: its figures go into metrics and, by the meter, into its turn. */
  end(): void {
    const { callId, turnId, kind, meter, metrics } = this.#parts;
    if (kind !== 'answer') return;
    const steps = this.waterfall.steps();
    for (const [step, ms] of Object.entries(steps)) meter.stage(step, ms);
    metrics.turnMeasured({ callId, turnId, steps });
  }

  #failed(what: 'agent' | 'speech', cause: unknown): string {
    const { callId, metrics, log, texts, failedBefore } = this.#parts;
    metrics.failed(what);
    const code = what === 'agent' ? 'RTV_AGENT_FAILED' : 'RTV_SPEECH_FAILED';
    log.warn({ callId, code, cause: codeOf(cause) }, 'fallback phrase');
    return failedBefore ? texts.trouble : texts.fallback;
  }
}

/** The code of an error of ours; of another one its kind. Messages may hold words. */
function codeOf(cause: unknown): string {
  const { code, name } = (cause ?? {}) as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown';
}
