import { openTurn } from '../actors/call-record.js';
import type { Turn } from '../call/turn.js';
import { codeOf } from '../errors.js';
import type { Seal } from '../privacy/seal.js';
import { type ConversationContext, emptyContext, WINDOW_TURNS, withTurns } from './context.js';
import type { MemoryProblem } from './errors.js';
import type { MemorySession } from './memory-session.js';
import type { LoadedSession } from './session-state.js';
import { readSnapshot } from './snapshot.js';

export interface Rebuilt {
  readonly context: ConversationContext;
  /** Number up to which the stored snapshot is current; 0 without one. */
  readonly snapshotSeq: number;
  readonly hadSnapshot: boolean;
  readonly problems: readonly MemoryProblem[];
}

/** The context of a loaded session: its snapshot brought up to date from the journal, or the journal's alone. */
export async function rebuild(
  seal: Seal,
  sessionId: string,
  session: MemorySession,
  loaded: LoadedSession,
  activeAgent: string,
): Promise<Rebuilt> {
  const problems: MemoryProblem[] = [];
  let snapshot: ConversationContext | undefined;
  try {
    if (loaded.context.kind === 'found') snapshot = readSnapshot(seal, sessionId, loaded.context.data);
    else if (loaded.context.kind === 'damaged')
      problems.push({ code: 'RTV_RECORD_UNREADABLE', what: 'context' });
  } catch (thrown) {
    const broken = codeOf(thrown) === 'RTV_SEAL_BROKEN';
    problems.push({ code: broken ? 'RTV_SEAL_BROKEN' : 'RTV_RECORD_UNREADABLE', what: 'context' });
  }
  if (problems.length > 0) await session.setContextAside(loaded.context);

  const through = Math.min(snapshot?.throughSeq ?? 0, loaded.seq);
  // A snapshot that is ahead of the journal survived what the journal did not: what it holds is kept.
  let context = { ...(snapshot ?? emptyContext(activeAgent)), throughSeq: through };
  const behind = loaded.seq > through && (loaded.historyLength > 0 || loaded.session !== undefined);
  // The snapshot of a live call carries the end of the window only.
  const short = context.window.length < Math.min(WINDOW_TURNS, loaded.seq);
  const from = short ? Math.max(1, Math.min(through, loaded.seq - WINDOW_TURNS) + 1) : through + 1;
  const wanted = behind || (short && loaded.historyLength > 0);
  const entries = loaded.entries ?? (wanted ? await session.entries(from, loaded.seq) : []);
  const turns: Turn[] = [];
  for (const entry of [...entries].sort((a, b) => a.seq - b.seq)) {
    if (entry.seq > loaded.seq) continue;
    const opened = openTurn(seal, sessionId, entry);
    if (!opened?.readable) problems.push({ code: 'RTV_RECORD_UNREADABLE', what: 'turn' });
    if (opened) turns.push(opened.held.turn);
  }
  context = withTurns(context, turns);
  return {
    context: { ...context, throughSeq: loaded.seq },
    snapshotSeq: snapshot ? through : 0,
    hadSnapshot: snapshot !== undefined,
    problems,
  };
}
