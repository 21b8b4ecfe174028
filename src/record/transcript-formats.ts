import type { TurnMeasures } from '../call/measures.js';

/** A turn as its reader may see it: opened. */
export interface OpenTurn {
  readonly seq: number;
  readonly role: 'user' | 'agent';
  readonly agent: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly interrupted: boolean;
  /** Figures of the turn: latencies by step, tokens. */
  readonly measures?: TurnMeasures;
  readonly text: string;
}

export interface OpenTranscript {
  readonly sessionId: string;
  /** What verifyComplete says of it. */
  readonly completeness: string;
  /** false: turns come without their words, for who may not read them. */
  readonly words?: boolean;
  readonly turns: readonly OpenTurn[];
}

export type TranscriptFormat = 'json' | 'text' | 'vtt';

export const isTranscriptFormat = (name: string): name is TranscriptFormat =>
  name === 'json' || name === 'text' || name === 'vtt';

export function formatted(transcript: OpenTranscript, format: TranscriptFormat): string {
  if (format === 'json') return toJson(transcript);
  return format === 'text' ? toText(transcript) : toWebVtt(transcript);
}

export function toJson(transcript: OpenTranscript): string {
  return JSON.stringify(transcript, undefined, 2);
}

/** One line a turn: time since the first turn, who, what. */
export function toText(transcript: OpenTranscript): string {
  const start = startOf(transcript);
  const lines = transcript.turns.map((turn) => {
    const at = clock(Date.parse(turn.startedAt) - start, false);
    return `[${at}] ${speakerOf(turn)}: ${oneLine(turn.text)}${turn.interrupted ? ' [interrupted]' : ''}`;
  });
  return `${lines.join('\n')}\n`;
}

/** WebVTT: times count from the first turn, the speaker is a voice span. */
export function toWebVtt(transcript: OpenTranscript): string {
  const start = startOf(transcript);
  const cues = transcript.turns.map((turn) => {
    const from = Math.max(0, Date.parse(turn.startedAt) - start);
    // A cue must end after it starts.
    const to = Math.max(from + 1, Date.parse(turn.endedAt) - start);
    const mark = turn.interrupted ? ' [interrupted]' : '';
    return `${turn.seq}\n${clock(from, true)} --> ${clock(to, true)}\n<v ${vtt(speakerOf(turn))}>${vtt(oneLine(turn.text))}${mark}\n`;
  });
  return `WEBVTT\n\n${cues.join('\n')}`;
}

function startOf(transcript: OpenTranscript): number {
  return Date.parse(transcript.turns[0]?.startedAt ?? '1970-01-01T00:00:00.000Z');
}

function speakerOf(turn: OpenTurn): string {
  return turn.role === 'user' ? 'Caller' : turn.agent || 'Agent';
}

/** A line break would end a cue or a line. */
function oneLine(text: string): string {
  return text.replace(/\s*[\r\n\u2028\u2029]+\s*/g, ' ').trim();
}

function vtt(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function clock(ms: number, millis: boolean): string {
  const safe = Number.isFinite(ms) ? Math.max(0, Math.floor(ms)) : 0;
  const two = (n: number): string => String(n).padStart(2, '0');
  const whole = Math.floor(safe / 1000);
  const text = `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return millis ? `${text}.${String(safe % 1000).padStart(3, '0')}` : text;
}
