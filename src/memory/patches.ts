/** Changes of a context as its users write them, and as they are stored. */
import { applyPatch, type ConversationContext, isRecord, type MemoryPatch } from './context.js';
import { MemoryError } from './errors.js';

/** activeAgent, systemPrompt, slots, toolOutputs; any other name is a value. null removes. */
export type ContextChanges = Readonly<Record<string, unknown>>;

/** Slots, tool outputs, values and system prompt together, bytes of JSON. */
export const MAX_MEMORY_BYTES = 64 * 1024;

const ALIASES: ReadonlyMap<string, string> = new Map([
  ['active_agent', 'activeAgent'],
  ['system_prompt', 'systemPrompt'],
  ['tool_outputs', 'toolOutputs'],
]);

/** The patch that some changes mean. @throws MemoryError RTV_MEMORY_VALUE_REFUSED */
export function patchOf(changes: ContextChanges): MemoryPatch {
  const patch: { -readonly [K in keyof MemoryPatch]: MemoryPatch[K] } = {};
  const values = new Map<string, unknown>();
  for (const [written, given] of Object.entries(changes)) {
    const name = ALIASES.get(written) ?? written;
    const value = plain(name, given);
    if (name === 'authenticated') {
      throw new MemoryError('RTV_MEMORY_VALUE_REFUSED', 'setAuthenticated says who is authenticated');
    }
    if (name === 'activeAgent') patch.activeAgent = expectText(name, value);
    else if (name === 'systemPrompt') patch.systemPrompt = value === null ? null : expectText(name, value);
    else if (name === 'slots') patch.slots = expectRecord(name, value);
    else if (name === 'toolOutputs') patch.toolOutputs = expectRecord(name, value);
    else values.set(name, value);
  }
  if (values.size > 0) patch.values = Object.fromEntries(values);
  return patch;
}

/** One patch for what two do one after another. @throws MemoryError RTV_MEMORY_TOO_LARGE */
export function joinPatches(
  context: ConversationContext,
  first: MemoryPatch | undefined,
  second: MemoryPatch,
): MemoryPatch {
  const { slots, toolOutputs, values, systemPrompt } = applyPatch(context, second);
  const joined: MemoryPatch = {
    ...first,
    ...second,
    ...both('slots', first, second),
    ...both('toolOutputs', first, second),
    ...both('values', first, second),
  };
  const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
  const after = bytes({ slots, toolOutputs, values, systemPrompt });
  if (after > MAX_MEMORY_BYTES || bytes(joined) > MAX_MEMORY_BYTES) {
    throw new MemoryError('RTV_MEMORY_TOO_LARGE', `a context has at most ${MAX_MEMORY_BYTES} bytes`);
  }
  return joined;
}

/** A context as its users see it, by the names of both systems. */
export function contextView(context: ConversationContext, authenticated: boolean): Map<string, unknown> {
  const { activeAgent, systemPrompt, slots, toolOutputs, values } = context;
  const view = new Map<string, unknown>(Object.entries(values ?? {}));
  view.set('activeAgent', activeAgent).set('active_agent', activeAgent);
  if (systemPrompt !== undefined) view.set('systemPrompt', systemPrompt).set('system_prompt', systemPrompt);
  view.set('slots', slots).set('toolOutputs', toolOutputs).set('tool_outputs', toolOutputs);
  return view.set('authenticated', authenticated);
}

function both(
  name: 'slots' | 'toolOutputs' | 'values',
  first: MemoryPatch | undefined,
  second: MemoryPatch,
): MemoryPatch {
  const joined = new Map([...Object.entries(first?.[name] ?? {}), ...Object.entries(second[name] ?? {})]);
  return joined.size === 0 ? {} : { [name]: Object.fromEntries(joined) };
}

/** The value as it will be read again, apart from the caller's own copy. */
function plain(name: string, value: unknown): unknown {
  if (value === undefined) return null;
  try {
    const text: string | undefined = JSON.stringify(value);
    if (text !== undefined) return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new MemoryError('RTV_MEMORY_VALUE_REFUSED', `${safe(name)} has no JSON form`, { cause });
  }
  throw new MemoryError('RTV_MEMORY_VALUE_REFUSED', `${safe(name)} has no JSON form`);
}

function expectText(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new MemoryError('RTV_MEMORY_VALUE_REFUSED', `${name} is a text`);
}

function expectRecord(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  throw new MemoryError('RTV_MEMORY_VALUE_REFUSED', `${name} is an object`);
}

/** Names of values come from users: they might be data. */
const safe = (name: string): string => (/^[A-Za-z_][A-Za-z_]{0,40}$/.test(name) ? name : 'a value');
