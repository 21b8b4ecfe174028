/**
 * The conversation's context: what the agent needs to go on. Pure. A bounded window of turns; the whole history is
 * the journal. `throughSeq` says up to which turn the snapshot is current; the journal brings it up to date.
 */
import type { ContextPatch, Role, Turn } from '../call/turn.js';

export interface ContextLine {
  readonly seq: number;
  readonly role: Role;
  readonly text: string;
  readonly agent: string;
}

export interface ConversationContext {
  readonly schema: 1;
  readonly throughSeq: number;
  readonly activeAgent: string;
  readonly systemPrompt?: string;
  readonly slots: Readonly<Record<string, unknown>>;
  readonly toolOutputs: Readonly<Record<string, unknown>>;
  /** What an agent keeps beside slots and tool outputs, by its own names. */
  readonly values?: Readonly<Record<string, unknown>>;
  readonly window: readonly ContextLine[];
}

/** All that may change in a context without a turn; with one, it rides in the turn. Keys with null are removed. */
export interface MemoryPatch extends ContextPatch {
  readonly systemPrompt?: string | null;
  readonly values?: Readonly<Record<string, unknown>>;
}

/** Turns kept in the window. The snapshot's size is bounded by it, whatever the length of the call. */
export const WINDOW_TURNS = 40;

export const emptyContext = (activeAgent = 'main'): ConversationContext => ({
  schema: 1,
  throughSeq: 0,
  activeAgent,
  slots: {},
  toolOutputs: {},
  window: [],
});

function merge(
  held: Readonly<Record<string, unknown>>,
  changes: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, unknown>> {
  if (!changes) return held;
  // By way of a map: a name such as __proto__ is a name like any other.
  const next = new Map(Object.entries(held));
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) next.delete(name);
    else next.set(name, value);
  }
  return Object.fromEntries(next);
}

export function applyPatch(
  context: ConversationContext,
  patch: MemoryPatch | undefined,
): ConversationContext {
  if (!patch) return context;
  const { systemPrompt: heldPrompt, ...rest } = context;
  const systemPrompt = patch.systemPrompt === undefined ? heldPrompt : (patch.systemPrompt ?? undefined);
  const values = patch.values ? merge(context.values ?? {}, patch.values) : context.values;
  return {
    ...rest,
    activeAgent: patch.activeAgent ?? context.activeAgent,
    slots: merge(context.slots, patch.slots),
    toolOutputs: merge(context.toolOutputs, patch.toolOutputs),
    ...(systemPrompt === undefined ? {} : { systemPrompt }),
    ...(values === undefined ? {} : { values }),
  };
}

/** Adds a turn. One already contained (by sequence number) changes nothing. */
export function applyTurn(context: ConversationContext, turn: Turn): ConversationContext {
  if (turn.seq > 0 && turn.seq <= context.throughSeq) return context;
  const line: ContextLine = { seq: turn.seq, role: turn.role, text: turn.text, agent: turn.agent };
  const patched = applyPatch(context, turn.patch);
  return {
    ...patched,
    throughSeq: Math.max(context.throughSeq, turn.seq),
    window: [...context.window, line].slice(-WINDOW_TURNS),
  };
}

/** Turns of the window that the snapshot of a live call carries: the journal has all of them, these bridge its loss. */
export const SNAPSHOT_TURNS = 8;

/** What is stored of a live call's context: of one size, however long the call. */
export const snapshotOf = (context: ConversationContext): ConversationContext => ({
  ...context,
  window: context.window.slice(-SNAPSHOT_TURNS),
});

/**
 * A stored context brought up to date with turns of the journal, in order: their changes as far as it lacks them, and
 * the window from all of them. What the window held before the first of them stays.
 */
export function withTurns(context: ConversationContext, turns: readonly Turn[]): ConversationContext {
  const [first] = turns;
  const current = turns.reduce(applyTurn, context);
  if (!first) return current;
  const older = context.window.filter(({ seq }) => seq > 0 && seq < first.seq);
  const lines = turns.map(({ seq, role, text, agent }) => ({ seq, role, text, agent }));
  return { ...current, window: [...older, ...lines].slice(-WINDOW_TURNS) };
}

/** Whether a revealed snapshot has the shape of this version. */
export function isContext(value: unknown): value is ConversationContext {
  if (typeof value !== 'object' || value === null) return false;
  const context = value as Partial<ConversationContext>;
  return (
    context.schema === 1 &&
    typeof context.throughSeq === 'number' &&
    typeof context.activeAgent === 'string' &&
    isRecord(context.slots) &&
    isRecord(context.toolOutputs) &&
    (context.values === undefined || isRecord(context.values)) &&
    Array.isArray(context.window)
  );
}

/** True for an object that is neither null nor a list. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
