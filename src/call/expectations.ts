/**
 * What must come, and when its absence is worth a question. ACS promises little: an event may be lost, and a socket that
 * ACS could not open is told by an event at best. When something that must come does not, ACS is asked for the call's
 * properties, at growing intervals, until it came. Pure: the owner keeps the clock and asks.
 */
import type { Phase } from './state.js';

/** What the owner knows of its call. Times are Unix ms. */
export interface Watched {
  readonly phase: Phase;
  /** When the call's session was made. */
  readonly bornAtMs: number;
  readonly connectedAtMs?: number;
  /** A media worker has the call's audio. */
  readonly attached: boolean;
  /** The last event, turn or answer about the call. */
  readonly lastSignAtMs: number;
  /** How often in a row ACS was asked in vain, and when last. */
  readonly asked: { readonly count: number; readonly atMs: number };
}

export interface Patience {
  /** Answered or placed, and no CallConnected. */
  readonly connectedMs: number;
  /** Connected, and no media socket. */
  readonly mediaMs: number;
  /** Connected, with audio or without, and no sign of life at all. */
  readonly silenceMs: number;
}

export const PATIENCE: Patience = { connectedMs: 10_000, mediaMs: 5_000, silenceMs: 60_000 };

/** ms between two questions about the same absence: short first, then less and less often. */
export const ASK_AGAIN_MS: readonly number[] = [5_000, 10_000, 20_000, 40_000, 60_000];

export type Missing = 'connected' | 'media' | 'life';

export interface Expectation {
  /** What should have come by now: ask ACS. */
  readonly missing?: Missing;
  /** When to look again, Unix ms; absent once the call is over. */
  readonly lookAgainAtMs?: number;
}

/** Looks at a call. With `missing` in the answer the owner asks ACS, and counts that in `asked`. */
export function expect(call: Watched, nowMs: number, patience: Patience = PATIENCE): Expectation {
  const due = earliest(call, patience);
  if (!due) return {};
  const { count, atMs } = call.asked;
  const pauseMs = ASK_AGAIN_MS[Math.min(count, ASK_AGAIN_MS.length) - 1] ?? 0;
  const fromMs = count === 0 ? due.atMs : Math.max(due.atMs, atMs + pauseMs);
  if (nowMs < fromMs) return { lookAgainAtMs: fromMs };
  const nextMs = nowMs + (ASK_AGAIN_MS[Math.min(count, ASK_AGAIN_MS.length - 1)] ?? 60_000);
  return { missing: due.missing, lookAgainAtMs: nextMs };
}

function earliest(
  call: Watched,
  patience: Patience,
): { readonly missing: Missing; readonly atMs: number } | undefined {
  const silence = { missing: 'life' as const, atMs: call.lastSignAtMs + patience.silenceMs };
  if (call.phase === 'connecting') {
    const connected = { missing: 'connected' as const, atMs: call.bornAtMs + patience.connectedMs };
    return connected.atMs <= silence.atMs ? connected : silence;
  }
  if (call.phase !== 'connected') return undefined;
  if (call.attached) return silence;
  const media = {
    missing: 'media' as const,
    atMs: (call.connectedAtMs ?? call.bornAtMs) + patience.mediaMs,
  };
  return media.atMs <= silence.atMs ? media : silence;
}
