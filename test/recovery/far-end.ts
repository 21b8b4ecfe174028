/** What a caller's end says about a disturbance: when the agent was heard again, and how long it was silent. Pure. */
import type { HeardView } from '../../src/simulator/control/views.js';

/** Heard from a socket that was opened after the moment: ms from it; undefined: not yet. Times are Unix ms. */
export function heardAgainAfter(atMs: number, { sockets, voice }: HeardView): number | undefined {
  const back = sockets.find((socket) => socket.openedAt > atMs && socket.firstVoiceAt !== undefined);
  if (!back) return undefined;
  const heard = voice.find(([, end]) => end >= back.openedAt);
  return heard ? Math.max(heard[0], back.openedAt) - atMs : undefined;
}

/** Until the first media socket that was opened after the moment, ms; undefined: none yet. */
export function socketBackAfter(atMs: number, { sockets }: HeardView): number | undefined {
  const back = sockets.find((socket) => socket.openedAt > atMs);
  return back && back.openedAt - atMs;
}

/** Whether the call had an open media socket at the moment. */
export const hadSocketAt = (atMs: number, { sockets }: HeardView): boolean =>
  sockets.some(({ openedAt, closedAt }) => openedAt <= atMs && (closedAt === undefined || closedAt > atMs));

/** Waits for replies to what was said to its end in a span of time: final transcript → first frame, ms. */
export function repliesWithin(fromMs: number, untilMs: number, heard: HeardView): number[] {
  return turnsWithin(fromMs, untilMs, heard).flatMap(({ finalToFirstFrameMs }) =>
    finalToFirstFrameMs === undefined ? [] : [finalToFirstFrameMs],
  );
}

/** Turns of the caller that ended in a span of time and were never answered. */
export const unansweredWithin = (fromMs: number, untilMs: number, heard: HeardView): number =>
  turnsWithin(fromMs, untilMs, heard).filter(({ noReply }) => noReply === true).length;

/**
 * The longest silence that a planned move may have caused, ms: a wait for a reply, or the time from the last sound of
 * one socket to the first of the next where the caller said nothing between them.
 */
export function longestSilence(fromMs: number, untilMs: number, heard: HeardView): number {
  return Math.max(0, ...repliesWithin(fromMs, untilMs, heard), ...breaks(fromMs, untilMs, heard));
}

/** Time without any media socket at each change of sockets, ms. */
export function withoutSocket(fromMs: number, untilMs: number, { sockets }: HeardView): number[] {
  return sockets.slice(1).flatMap((next, index) => {
    const closedAt = sockets[index]?.closedAt;
    if (closedAt === undefined || next.openedAt < fromMs || next.openedAt > untilMs) return [];
    return [Math.max(0, next.openedAt - closedAt)];
  });
}

function breaks(fromMs: number, untilMs: number, heard: HeardView): number[] {
  return heard.sockets.slice(1).flatMap((next, index) => {
    const last = heard.sockets[index]?.lastVoiceAt;
    const first = next.firstVoiceAt;
    if (last === undefined || first === undefined || first < fromMs || last > untilMs) return [];
    // Where the caller spoke meanwhile, the wait for the reply is what counts.
    return spokeWithin(last, first, heard) ? [] : [first - last];
  });
}

const callersTurns = ({ connectedAt = 0, turns }: HeardView) =>
  turns
    .filter(({ role }) => role === 'user')
    .map((turn) => ({
      ...turn,
      startedAt: connectedAt + turn.startedMs,
      endedAt: connectedAt + turn.endedMs,
    }));

const turnsWithin = (fromMs: number, untilMs: number, heard: HeardView) =>
  callersTurns(heard).filter(({ endedAt }) => endedAt >= fromMs && endedAt <= untilMs);

const spokeWithin = (fromMs: number, untilMs: number, heard: HeardView): boolean =>
  callersTurns(heard).some(({ startedAt, endedAt }) => endedAt > fromMs && startedAt < untilMs);
