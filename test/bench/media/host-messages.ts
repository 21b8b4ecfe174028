/** What a bench asks of the media worker it started, over the process's own channel. */
import type { ConversationContext } from '../../../src/memory/context.js';

export interface HostOptions {
  /** Whether callers may interrupt. */
  readonly bargeIn: boolean;
  readonly voiceActivity: boolean;
}

export interface HostFigures {
  /** Of the whole process, threads included, since the last reset, ms. */
  readonly cpuMs: number;
  readonly wallMs: number;
  /** Event-loop delay beyond the sampling interval, ms. */
  readonly loopDelayMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly heapBytes: number;
  /** Buffers beside the heap. */
  readonly bufferBytes: number;
  readonly rssBytes: number;
  readonly sessions: number;
  readonly framesIn: number;
  readonly framesOut: number;
  /** Runs of our own code that held the loop: all, those over 10 ms, the longest (ms). */
  readonly tasks: { readonly count: number; readonly over: number; readonly worstMs: number };
  /** Garbage collections over 10 ms, and the longest (ms). */
  readonly gc: { readonly over: number; readonly worstMs: number };
  readonly voiceActivity: {
    readonly runs: number;
    readonly windows: number;
    readonly worstRunMs: number;
    readonly dropped: number;
  };
}

/** A turn as the media worker handed it to the call's actor. */
export interface HostTurn {
  readonly role: string;
  readonly text: string;
  readonly interrupted: boolean;
}

export type HostRequest =
  | { readonly kind: 'figures'; readonly collect: boolean }
  | { readonly kind: 'reset' }
  | { readonly kind: 'call'; readonly callId: string }
  | { readonly kind: 'speech'; readonly text: string };

export interface HostAnswers {
  readonly figures: HostFigures;
  readonly reset: null;
  /** The turns of a call, and its context. */
  readonly call: { readonly turns: readonly HostTurn[]; readonly context: ConversationContext | null };
  /** Base64 of what the agent's voice makes of a text. */
  readonly speech: string;
}

export type Numbered = HostRequest & { readonly id: number };
export type HostMessage =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'answer'; readonly id: number; readonly value: HostAnswers[keyof HostAnswers] };
