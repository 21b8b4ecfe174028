/** A call's course as its transcript tells it, on a clock that begins with the call. Pure. */
import { z } from 'zod';

/** What the reading API answers for a transcript, as far as a timeline needs it. */
const transcriptSchema = z.object({
  sessionId: z.string(),
  completeness: z.string(),
  turns: z.array(
    z.object({
      seq: z.number(),
      role: z.enum(['user', 'agent']),
      agent: z.string(),
      startedAt: z.iso.datetime(),
      endedAt: z.iso.datetime(),
      interrupted: z.boolean(),
      measures: z.object({ stages: z.record(z.string(), z.number()).optional() }).optional(),
      text: z.string(),
    }),
  ),
});

export interface TimelineTurn {
  readonly seq: number;
  readonly who: 'caller' | 'agent';
  /** ms after the begin of the timeline. */
  readonly fromMs: number;
  readonly toMs: number;
  /** The caller cut it at `toMs`. */
  readonly cut: boolean;
  /** Final words until the first frame of this reply, as its worker measured it, ms. */
  readonly waitedMs: number | undefined;
  /** '' where the reader may not see the words. */
  readonly text: string;
}

export interface Timeline {
  readonly callId: string;
  /** Unix ms of its begin: the first word of the call. */
  readonly startMs: number;
  readonly lengthMs: number;
  readonly completeness: string;
  readonly turns: readonly TimelineTurn[];
}

/** @throws ZodError for what is no transcript */
export function timelineOf(transcript: unknown): Timeline {
  const { sessionId, completeness, turns } = transcriptSchema.parse(transcript);
  const timed = turns.map((turn) => ({
    turn,
    from: Date.parse(turn.startedAt),
    to: Math.max(Date.parse(turn.startedAt), Date.parse(turn.endedAt)),
  }));
  const startMs = timed.reduce((least, { from }) => Math.min(least, from), timed[0]?.from ?? 0);
  return {
    callId: sessionId,
    startMs,
    lengthMs: timed.reduce((most, { to }) => Math.max(most, to), startMs) - startMs,
    completeness,
    turns: timed.map(({ turn, from, to }) => ({
      seq: turn.seq,
      who: turn.role === 'agent' ? 'agent' : 'caller',
      fromMs: from - startMs,
      toMs: to - startMs,
      cut: turn.interrupted,
      waitedMs: turn.measures?.stages?.final_to_frame,
      text: turn.text,
    })),
  };
}

export const cutsOf = ({ turns }: Timeline): readonly TimelineTurn[] => turns.filter(({ cut }) => cut);

/** `12.3 s` */
export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
