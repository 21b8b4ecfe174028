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
  readonly window: readonly ContextLine[];
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
  const next: Record<string, unknown> = { ...held };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete next[name];
    else next[name] = value;
  }
  return next;
}

export function applyPatch(
  context: ConversationContext,
  patch: ContextPatch | undefined,
): ConversationContext {
  if (!patch) return context;
  return {
    ...context,
    activeAgent: patch.activeAgent ?? context.activeAgent,
    slots: merge(context.slots, patch.slots),
    toolOutputs: merge(context.toolOutputs, patch.toolOutputs),
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

/** Whether a revealed snapshot has the shape of this version. */
export function isContext(value: unknown): value is ConversationContext {
  if (typeof value !== 'object' || value === null) return false;
  const context = value as Partial<ConversationContext>;
  return (
    context.schema === 1 &&
    typeof context.throughSeq === 'number' &&
    typeof context.activeAgent === 'string' &&
    typeof context.slots === 'object' &&
    typeof context.toolOutputs === 'object' &&
    Array.isArray(context.window)
  );
}
