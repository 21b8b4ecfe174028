/** What a process of many callers is told, and what it reports. */
import type { Priority } from './priority.js';

export interface LoadOptions {
  readonly port: number;
  readonly calls: number;
  readonly seconds: number;
  /** The agent talks to every caller all the time. */
  readonly agentTalks: boolean;
}

export interface LoadReport {
  readonly framesSent: number;
  readonly framesReceived: number;
  /** Between two frames that this process sent on one line, ms. */
  readonly ownGapMs: Percentiles;
  /** Between two frames that arrived on one line, ms. */
  readonly gapMs: Percentiles;
  /** How far the arrival of frames moved against their number, on the worst line, ms. */
  readonly driftMs: number;
  /** CPU of this process, ms. */
  readonly cpuMs: number;
  readonly priority: Priority;
}

export interface Percentiles {
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export type LoadMessage =
  | { readonly kind: 'open' }
  | { readonly kind: 'report'; readonly report: LoadReport };
