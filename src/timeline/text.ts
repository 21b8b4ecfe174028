/** A timeline as lines of text: a turn a line, with its place in the call. Pure. */
import { cutsOf, seconds, type Timeline, type TimelineTurn } from './model.js';

const COLUMNS = 60;

export function timelineText(timeline: Timeline): string {
  const { callId, startMs, lengthMs, turns, completeness } = timeline;
  const state = completeness === 'complete' ? '' : `, ${completeness}`;
  return [
    `${callId}  ${new Date(startMs).toISOString()}  ${seconds(lengthMs)}  ${turns.length} turns, ${cutsOf(timeline).length} cut${state}`,
    ...turns.map((turn) => lineOf(turn, lengthMs)),
  ].join('\n');
}

function lineOf(turn: TimelineTurn, lengthMs: number): string {
  const column = (ms: number): number => Math.round((ms * COLUMNS) / Math.max(1, lengthMs));
  const from = Math.min(COLUMNS - 1, column(turn.fromMs));
  const length = Math.max(1, column(turn.toMs) - from);
  const bar = (turn.who === 'agent' ? '=' : '#').repeat(turn.cut ? Math.max(0, length - 1) : length);
  const strip = `${' '.repeat(from)}${bar}${turn.cut ? '|' : ''}`.slice(0, COLUMNS).padEnd(COLUMNS);
  const time = `${(turn.fromMs / 1_000).toFixed(1).padStart(6)}-${(turn.toMs / 1_000).toFixed(1).padEnd(6)}`;
  const waited = turn.waitedMs === undefined ? '' : ` (${Math.round(turn.waitedMs)} ms)`;
  const words = turn.text.replace(/\s+/g, ' ').trim();
  const said = `${words}${turn.cut ? (words === '' ? '[cut]' : ' [cut]') : ''}`;
  return `${String(turn.seq).padStart(3)} ${time} ${turn.who.padEnd(6)} ${strip} ${said}${waited}`.trimEnd();
}
