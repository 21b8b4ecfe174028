import { SimError } from '../errors.js';
import type { Range } from '../latency.js';

/** What the simulator does when an established media socket breaks. */
export type BreakPolicy = 'silent' | 'active' | 'stopped' | 'failed' | 'reconnect';
const BREAK_POLICIES: readonly BreakPolicy[] = ['silent', 'active', 'stopped', 'failed', 'reconnect'];

/** How an invited or called party reacts. */
export type InviteeReaction = 'accept' | 'decline' | 'noanswer' | 'never';
const REACTIONS: readonly InviteeReaction[] = ['accept', 'decline', 'noanswer', 'never'];

/** What is wrong with the token of a callback or of a socket upgrade. */
export type TokenFault = 'expired' | 'wrongAudience' | 'wrongIssuer' | 'wrongKey' | 'missing' | 'reused';
const TOKEN_FAULTS: readonly TokenFault[] = [
  'expired',
  'wrongAudience',
  'wrongIssuer',
  'wrongKey',
  'missing',
  'reused',
];

/** A fault of one call, with where it applies: an event type, an operation, or everywhere. */
export interface ProbableFault {
  readonly p: number;
  /** Event type or operation name, without case; undefined: all. */
  readonly only: string | undefined;
  /** For faults that hold something back, ms. */
  readonly wait: Range;
}

export interface Faults {
  readonly text: string;
  readonly duplicate: readonly ProbableFault[];
  readonly reorder: readonly ProbableFault[];
  readonly delay: readonly ProbableFault[];
  readonly drop: readonly ProbableFault[];
  readonly error429: readonly ProbableFault[];
  readonly error500: readonly ProbableFault[];
  readonly error503: readonly ProbableFault[];
  /** 500 after the effect took place. */
  readonly error500after: readonly ProbableFault[];
  /** No answer at all, though the effect took place. */
  readonly noAnswer: readonly ProbableFault[];
  /** Seconds in Retry-After of 429 and 503. */
  readonly retryAfterSeconds: number;
  readonly socketCutAtMs: readonly number[];
  readonly transcriptionCutAtMs: readonly number[];
  readonly halfOpenAtMs: number | undefined;
  readonly slowReaderAtMs: number | undefined;
  /** Probability that a frame is followed by a garbage one. */
  readonly garbageFrame: number;
  readonly hangUpAtMs: number | undefined;
  /** Sockets are refused: MediaStreamingFailed 8581. */
  readonly mediaFail: number;
  readonly onBreak: BreakPolicy;
  /** A media socket that is stopped stays open, and what comes through it is heard. */
  readonly stopKeepsSocket: boolean;
  readonly invite: InviteeReaction;
  readonly tokens: ReadonlyArray<{ readonly fault: TokenFault; readonly p: number }>;
}

const PROBABLE = [
  'duplicate',
  'reorder',
  'delay',
  'drop',
  'error429',
  'error500',
  'error503',
  'error500after',
  'noAnswer',
] as const;
type ProbableName = (typeof PROBABLE)[number];

const DEFAULT_WAIT: Record<ProbableName, Range> = {
  duplicate: { minMs: 0, maxMs: 500 },
  reorder: { minMs: 50, maxMs: 500 },
  delay: { minMs: 500, maxMs: 3000 },
  drop: { minMs: 0, maxMs: 0 },
  error429: { minMs: 0, maxMs: 0 },
  error500: { minMs: 0, maxMs: 0 },
  error503: { minMs: 0, maxMs: 0 },
  error500after: { minMs: 0, maxMs: 0 },
  noAnswer: { minMs: 0, maxMs: 0 },
};

type Draft = { -readonly [K in keyof Faults]: Faults[K] };

/** No fault at all. */
export const NO_FAULTS: Faults = parseFaults('');

/**
 * Reads a list of faults (docs/simulator.md has the grammar):
 * `NAME[.ONLY]=P[:MIN[-MAX]]`, `NAME@MS`, `NAME=VALUE`, parted by commas. Throws RTV_SIM_FAULTS_INVALID.
 */
export function parseFaults(text: string): Faults {
  const draft: Draft = {
    text: text.trim(),
    duplicate: [],
    reorder: [],
    delay: [],
    drop: [],
    error429: [],
    error500: [],
    error503: [],
    error500after: [],
    noAnswer: [],
    retryAfterSeconds: 1,
    socketCutAtMs: [],
    transcriptionCutAtMs: [],
    halfOpenAtMs: undefined,
    slowReaderAtMs: undefined,
    garbageFrame: 0,
    hangUpAtMs: undefined,
    mediaFail: 0,
    onBreak: 'silent',
    stopKeepsSocket: false,
    invite: 'accept',
    tokens: [],
  };
  for (const part of text.split(',').map((item) => item.trim())) {
    if (part !== '') readFault(part, draft);
  }
  return draft;
}

function readFault(part: string, draft: Draft): void {
  const match = /^([A-Za-z0-9]+)(?:\.([A-Za-z]+))?(?:@(\d+))?(?:=([^=]+))?$/.exec(part);
  if (!match) throw invalid(part, 'it does not read as NAME[.ONLY][@MS][=VALUE]');
  const [, rawName = '', only, at, value] = match;
  const atMs = at === undefined ? undefined : Number(at);
  const name = rawName.toLowerCase();
  const probable = PROBABLE.find((candidate) => candidate.toLowerCase() === name);
  if (probable) {
    draft[probable] = [...draft[probable], probableFault(part, probable, only, value)];
    return;
  }
  switch (name) {
    case 'retryafter':
      draft.retryAfterSeconds = wholeNumber(part, value);
      return;
    case 'socketcut':
      draft.socketCutAtMs = [...draft.socketCutAtMs, atMs ?? wholeNumber(part, value)];
      return;
    case 'transcriptioncut':
      draft.transcriptionCutAtMs = [...draft.transcriptionCutAtMs, atMs ?? wholeNumber(part, value)];
      return;
    case 'halfopen':
      draft.halfOpenAtMs = atMs ?? wholeNumber(part, value);
      return;
    case 'slowreader':
      draft.slowReaderAtMs = atMs ?? (value === undefined ? 0 : wholeNumber(part, value));
      return;
    case 'hangupat':
    case 'hangup':
      draft.hangUpAtMs = atMs ?? wholeNumber(part, value);
      return;
    case 'garbageframe':
      draft.garbageFrame = probability(part, value ?? '1');
      return;
    case 'mediafail':
      draft.mediaFail = probability(part, value ?? '1');
      return;
    case 'onbreak':
      draft.onBreak = oneOf(part, value, BREAK_POLICIES);
      return;
    case 'stopkeepssocket':
      draft.stopKeepsSocket = true;
      return;
    case 'invite':
      draft.invite = oneOf(part, value, REACTIONS);
      return;
    case 'token':
      draft.tokens = [
        ...draft.tokens,
        { fault: oneOf(part, only, TOKEN_FAULTS), p: probability(part, value ?? '1') },
      ];
      return;
    default:
      throw invalid(part, 'there is no fault of this name');
  }
}

function probableFault(part: string, name: ProbableName, only?: string, value?: string): ProbableFault {
  const [chance = '1', wait] = (value ?? '1').split(':');
  const range = wait === undefined ? undefined : /^(\d+)(?:-(\d+))?$/.exec(wait);
  if (wait !== undefined && !range) throw invalid(part, 'the wait is not MIN or MIN-MAX in ms');
  const minMs = Number(range?.[1] ?? 0);
  return {
    p: probability(part, chance),
    only: only?.toLowerCase(),
    wait: range ? { minMs, maxMs: Math.max(minMs, Number(range[2] ?? minMs)) } : DEFAULT_WAIT[name],
  };
}

function probability(part: string, value: string): number {
  const p = Number(value);
  if (value.trim() === '' || !(p >= 0 && p <= 1)) throw invalid(part, 'a probability lies between 0 and 1');
  return p;
}

function wholeNumber(part: string, value: string | undefined): number {
  if (value === undefined || !/^\d+$/.test(value)) throw invalid(part, 'a whole number is missing');
  return Number(value);
}

function oneOf<T extends string>(part: string, value: string | undefined, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate.toLowerCase() === value?.toLowerCase());
  if (found === undefined) throw invalid(part, `the value is one of ${allowed.join(', ')}`);
  return found;
}

function invalid(part: string, why: string): SimError {
  return new SimError('RTV_SIM_FAULTS_INVALID', `fault "${part}": ${why}`);
}
