/**
 * The picture of a call: time from left to right in strips one below the other, in each what the caller and what the
 * agent said, the cuts between them, and the sound of a recording where there is one; below, the turns in words.
 */
import { Canvas, type Colour, fitted, textWidth } from './canvas.js';
import { GLYPH_HEIGHT } from './font.js';
import { LEVEL_MS, type Levels } from './levels.js';
import { cutsOf, seconds, type Timeline, type TimelineTurn } from './model.js';

export const COLOURS = {
  paper: [255, 255, 255],
  ink: [33, 37, 41],
  faint: [134, 142, 150],
  rule: [222, 226, 230],
  band: [248, 249, 250],
  caller: [25, 113, 194],
  agent: [47, 158, 68],
  cut: [224, 49, 49],
} as const satisfies Record<string, Colour>;

export interface Recording {
  readonly levels: Levels;
  /** Where it begins, ms on the timeline. */
  readonly offsetMs: number;
}

const WIDTH = 1_600;
const MARGIN = 32;
const GUTTER = 112;
const LEFT = MARGIN + GUTTER;
const ACROSS = WIDTH - LEFT - MARGIN;
const LINE = 26;
const HEAD = 92;
const BAR = 34;
const WAVE = 52;
const GAP = 8;
const AXIS = 24;
const STRIP_GAP = 30;
/** A strip is as long as its turns can be told apart in; a long call has longer strips rather than more, ms. */
const STRIP_MS = 20_000;
const MOST_STRIPS = 24;
/** Turns in words below the strips; the text form has all of them. */
const MOST_LINES = 120;
const TEXT_HEIGHT = GLYPH_HEIGHT * 2;

interface Strip {
  readonly fromMs: number;
  readonly toMs: number;
  readonly top: number;
}

/** Where things are, so that a reader of the picture (and its test) finds them again. */
export interface Layout {
  readonly height: number;
  readonly strips: readonly Strip[];
  /** Tops of the rows of a strip, from its own top. */
  readonly rows: {
    readonly callerWave: number;
    readonly caller: number;
    readonly agent: number;
    readonly agentWave: number;
    readonly axis: number;
  };
  readonly wordsTop: number;
  /** Point of a moment: that of the strip in which it lies. */
  x(ms: number, strip: Strip): number;
}

export function layoutOf(timeline: Timeline, recording?: Recording): Layout {
  const { turns } = timeline;
  const lengthMs = Math.max(1_000, timeline.lengthMs);
  const stripMs = Math.max(STRIP_MS, Math.ceil(lengthMs / MOST_STRIPS / 1_000) * 1_000);
  const callerWave = 0;
  const caller = callerWave + (recording?.levels.caller ? WAVE + GAP : 0);
  const agent = caller + BAR + GAP;
  const agentWave = agent + BAR + GAP;
  const axis = agentWave + (recording ? WAVE + GAP : 0);
  const stripHeight = axis + AXIS + STRIP_GAP;
  const strips = Array.from({ length: Math.ceil(lengthMs / stripMs) }, (_, index) => ({
    fromMs: index * stripMs,
    toMs: (index + 1) * stripMs,
    top: HEAD + index * stripHeight,
  }));
  const wordsTop = HEAD + strips.length * stripHeight;
  const lines = Math.min(turns.length, MOST_LINES) + (turns.length > MOST_LINES ? 1 : 0);
  return {
    height: wordsTop + lines * LINE + MARGIN,
    strips,
    rows: { callerWave, caller, agent, agentWave, axis },
    wordsTop,
    x: (ms, { fromMs, toMs }) => LEFT + ((ms - fromMs) * ACROSS) / (toMs - fromMs),
  };
}

export function drawTimeline(timeline: Timeline, recording?: Recording): Canvas {
  const layout = layoutOf(timeline, recording);
  const canvas = new Canvas(WIDTH, layout.height, COLOURS.paper);
  drawHead(canvas, timeline);
  for (const strip of layout.strips) {
    drawGrid(canvas, layout, strip, timeline.lengthMs);
    if (recording) drawWaves(canvas, layout, strip, recording);
    for (const turn of timeline.turns) drawTurn(canvas, layout, strip, turn);
    // Above everything else: they are what one looks for.
    for (const [index, turn] of cutsOf(timeline).entries()) drawCut(canvas, layout, strip, turn, index + 1);
  }
  drawWords(canvas, layout, timeline);
  return canvas;
}

function drawHead(canvas: Canvas, timeline: Timeline): void {
  const { callId, startMs, lengthMs, turns, completeness } = timeline;
  canvas.text(MARGIN, MARGIN, fitted(`Call ${callId}`, WIDTH - 2 * MARGIN, 3), COLOURS.ink, 3);
  const cuts = cutsOf(timeline).length;
  const facts = [
    `${new Date(startMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`,
    seconds(lengthMs),
    `${turns.length} turns`,
    `${cuts} ${cuts === 1 ? 'cut' : 'cuts'}`,
    ...(completeness === 'complete' ? [] : [`transcript ${completeness}`]),
  ];
  canvas.text(MARGIN, MARGIN + 32, facts.join('  -  '), COLOURS.faint);
}

function drawGrid(canvas: Canvas, { rows, x }: Layout, strip: Strip, lengthMs: number): void {
  const { top, fromMs, toMs } = strip;
  const until = Math.min(toMs, Math.max(lengthMs, fromMs + 1));
  const right = x(until, strip);
  for (const row of [rows.caller, rows.agent]) canvas.fill(LEFT, top + row, right - LEFT, BAR, COLOURS.band);
  const every = tickMs(toMs - fromMs);
  for (let tick = Math.ceil(fromMs / every) * every; tick <= until; tick += every) {
    canvas.fill(x(tick, strip), top, 1, rows.axis, COLOURS.rule);
    const label = clock(tick);
    canvas.text(x(tick, strip) - textWidth(label) / 2, top + rows.axis + 6, label, COLOURS.faint);
  }
  const middle = (BAR - TEXT_HEIGHT) / 2;
  canvas.text(MARGIN, top + rows.caller + middle, 'caller', COLOURS.caller);
  canvas.text(MARGIN, top + rows.agent + middle, 'agent', COLOURS.agent);
}

function drawTurn(canvas: Canvas, { rows, x }: Layout, strip: Strip, turn: TimelineTurn): void {
  const from = Math.max(turn.fromMs, strip.fromMs);
  const to = Math.min(turn.toMs, strip.toMs);
  if (to < from || turn.fromMs >= strip.toMs) return;
  const left = x(from, strip);
  const width = Math.max(2, x(to, strip) - left);
  const top = strip.top + rows[turn.who];
  canvas.fill(left, top, width, BAR, COLOURS[turn.who]);
  const label = String(turn.seq);
  if (width > textWidth(label) + 8)
    canvas.text(left + 6, top + (BAR - TEXT_HEIGHT) / 2 + 1, label, COLOURS.paper);
}

function drawCut(
  canvas: Canvas,
  { rows, x }: Layout,
  strip: Strip,
  turn: TimelineTurn,
  number: number,
): void {
  if (turn.toMs < strip.fromMs || turn.toMs >= strip.toMs) return;
  const at = Math.round(x(turn.toMs, strip));
  canvas.fill(at - 1, strip.top - 4, 3, rows.axis + 4, COLOURS.cut);
  const label = String(number);
  const width = textWidth(label) + 8;
  canvas.fill(at - width / 2, strip.top - TEXT_HEIGHT - 8, width, TEXT_HEIGHT + 4, COLOURS.cut);
  canvas.text(at - width / 2 + 5, strip.top - TEXT_HEIGHT - 5, label, COLOURS.paper);
}

function drawWaves(canvas: Canvas, layout: Layout, strip: Strip, { levels, offsetMs }: Recording): void {
  const { rows } = layout;
  const wave = (side: Float32Array, row: number, colour: Colour): void => {
    const middle = strip.top + row + WAVE / 2;
    canvas.fill(LEFT, middle, ACROSS, 1, COLOURS.rule);
    for (let point = LEFT; point < LEFT + ACROSS; point += 1) {
      const at = strip.fromMs + ((point - LEFT) * (strip.toMs - strip.fromMs)) / ACROSS;
      const level = side[Math.floor((at - offsetMs) / LEVEL_MS)] ?? 0;
      const height = Math.sqrt(Math.min(1, level)) * WAVE;
      if (height >= 1) canvas.fill(point, middle - height / 2, 1, height, colour, 0.55);
    }
  };
  if (levels.caller) wave(levels.caller, rows.callerWave, COLOURS.caller);
  wave(levels.agent, rows.agentWave, COLOURS.agent);
}

function drawWords(canvas: Canvas, { wordsTop }: Layout, { turns }: Timeline): void {
  let cuts = 0;
  for (const [index, turn] of turns.slice(0, MOST_LINES).entries()) {
    const top = wordsTop + index * LINE;
    canvas.text(MARGIN, top, String(turn.seq).padStart(3), COLOURS.faint);
    canvas.text(MARGIN + 54, top, seconds(turn.fromMs).padStart(8), COLOURS.faint);
    canvas.text(MARGIN + 170, top, turn.who, COLOURS[turn.who]);
    if (turn.cut) cuts += 1;
    const notes = [
      ...(turn.waitedMs === undefined ? [] : [`after ${Math.round(turn.waitedMs)} ms`]),
      ...(turn.cut ? [`cut ${cuts}`] : []),
    ].join(', ');
    const notesLeft = WIDTH - MARGIN - textWidth(notes);
    const left = MARGIN + 260;
    canvas.text(left, top, fitted(turn.text, notesLeft - left - 24), COLOURS.ink);
    canvas.text(notesLeft, top, notes, turn.cut ? COLOURS.cut : COLOURS.faint);
  }
  if (turns.length > MOST_LINES) {
    const more = `and ${turns.length - MOST_LINES} turns more`;
    canvas.text(MARGIN + 54, wordsTop + MOST_LINES * LINE, more, COLOURS.faint);
  }
}

/** Ticks that leave room for their labels. */
const tickMs = (stripMs: number): number =>
  [1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000].find((ms) => stripMs / ms <= 20) ?? 600_000;

/** `1:05` */
const clock = (ms: number): string =>
  `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1_000) % 60).padStart(2, '0')}`;
