/**
 * What the Python system stored of a session, read without I/O: `session:{id}`, a hash of JSON texts `corememory` and
 * `chat_history` (agent → messages), and `{id}:hist`, the same history or a plain list of messages. Whether somebody
 * was authenticated is never taken over: only the authentication state with its own 15 minutes says so.
 */
import type { Role } from '../call/turn.js';
import { isRecord, type MemoryPatch } from './context.js';

export interface LegacyMessage {
  readonly agent: string;
  readonly role: Role;
  readonly text: string;
}

/** `damaged`: some of it could not be read; the original is to be kept for inspection. */
export interface LegacyConversation {
  readonly patch: MemoryPatch;
  readonly messages: readonly LegacyMessage[];
  readonly damaged: boolean;
}

const DEFAULT_AGENT = 'main';
const AUTHENTICATION = /^(?:is_|user_)?authenticated$/;

interface Collected {
  readonly messages: LegacyMessage[];
  readonly toolOutputs: Map<string, unknown>;
  systemPrompt?: string;
  damaged: boolean;
}

/** A patch with the fields of a core memory; names that are not known become values. */
export function patchOfCoreMemory(core: Readonly<Record<string, unknown>>): MemoryPatch {
  const patch: { -readonly [K in keyof MemoryPatch]: MemoryPatch[K] } = {};
  const values = new Map<string, unknown>();
  for (const [name, value] of Object.entries(core)) {
    if (AUTHENTICATION.test(name) || value === null) continue;
    if (name === 'active_agent' && typeof value === 'string') patch.activeAgent = value;
    else if (name === 'system_prompt' && typeof value === 'string') patch.systemPrompt = value;
    else if (name === 'slots' && isRecord(value)) patch.slots = value;
    else if (name === 'tool_outputs' && isRecord(value)) patch.toolOutputs = value;
    else values.set(name, value);
  }
  if (values.size > 0) patch.values = Object.fromEntries(values);
  return patch;
}

/** Reads the legacy keys of one session. `session` and `hist` are values as stored; undefined where there is none. */
export function readLegacy(
  session: Readonly<Record<string, string>> | 'damaged' | undefined,
  hist: readonly string[] | 'damaged' | undefined,
): LegacyConversation {
  const collected: Collected = { messages: [], toolOutputs: new Map(), damaged: false };
  let patch: MemoryPatch = {};
  let agent = DEFAULT_AGENT;
  if (session === 'damaged') collected.damaged = true;
  else if (session) {
    const core = parse(session.corememory, collected);
    if (isRecord(core)) patch = patchOfCoreMemory(core);
    else if (core !== undefined) collected.damaged = true;
    agent = patch.activeAgent ?? agent;
    collectHistory(parse(session.chat_history, collected), agent, collected);
  }
  if (hist === 'damaged') collected.damaged = true;
  else if (hist) {
    const extra: Collected = { messages: [], toolOutputs: collected.toolOutputs, damaged: false };
    for (const text of hist) collectHistory(parse(text, extra), agent, extra);
    collected.messages.push(...without(extra.messages, collected.messages));
    collected.damaged ||= extra.damaged;
    if (extra.systemPrompt !== undefined) collected.systemPrompt ??= extra.systemPrompt;
  }
  const systemPrompt = patch.systemPrompt ?? collected.systemPrompt;
  return {
    patch: {
      ...patch,
      ...(systemPrompt === undefined ? {} : { systemPrompt }),
      ...(collected.toolOutputs.size === 0
        ? {}
        : { toolOutputs: { ...Object.fromEntries(collected.toolOutputs), ...patch.toolOutputs } }),
    },
    messages: collected.messages,
    damaged: collected.damaged,
  };
}

function parse(text: string | undefined, into: Collected): unknown {
  if (text === undefined || text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    into.damaged = true;
    return undefined;
  }
}

/** A dictionary of agents, a list of messages, or one message. */
function collectHistory(history: unknown, agent: string, into: Collected): void {
  if (history === undefined || history === null) return;
  if (Array.isArray(history)) for (const message of history) collectMessage(message, agent, into);
  else if (isRecord(history) && 'role' in history) collectMessage(history, agent, into);
  else if (isRecord(history)) {
    for (const [name, messages] of Object.entries(history)) {
      if (Array.isArray(messages)) for (const message of messages) collectMessage(message, name, into);
      else into.damaged = true;
    }
  } else into.damaged = true;
}

function collectMessage(message: unknown, agent: string, into: Collected): void {
  if (!isRecord(message) || typeof message.role !== 'string') {
    into.damaged = true;
    return;
  }
  const { role, content } = message;
  const text = typeof content === 'string' ? content : content == null ? '' : JSON.stringify(content);
  if (role === 'user') into.messages.push({ agent, role: 'user', text });
  // A message without words is a call of a tool: its output is what counts.
  else if (role === 'assistant' || role === 'agent') {
    if (text !== '') into.messages.push({ agent, role: 'agent', text });
  } else if (role === 'system') into.systemPrompt = text;
  else if (role === 'tool' || role === 'function') {
    const name = message.name ?? message.tool_call_id;
    into.toolOutputs.set(typeof name === 'string' ? name : role, content ?? null);
  } else into.damaged = true;
}

/** The messages that the others do not hold yet, each counted as often as it was said. */
function without(messages: readonly LegacyMessage[], held: readonly LegacyMessage[]): LegacyMessage[] {
  const counts = new Map<string, number>();
  const name = ({ role, text }: LegacyMessage): string => `${role}\n${text}`;
  for (const message of held) counts.set(name(message), (counts.get(name(message)) ?? 0) + 1);
  return messages.filter((message) => {
    const left = counts.get(name(message)) ?? 0;
    counts.set(name(message), left - 1);
    return left <= 0;
  });
}
