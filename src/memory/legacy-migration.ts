/**
 * Moves what the Python system stored of a session to where it belongs now (design §3). Each step may run twice: turns
 * have ids made of their content, the context remembers what was merged into it, components are written where there is
 * none. An old key goes only when the new one was read back and opened, and only if it is still what was read.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { holdTurn, openTurn } from '../actors/call-record.js';
import type { Turn } from '../call/turn.js';
import { codeOf, RtvoiceError } from '../errors.js';
import type { Seal } from '../privacy/seal.js';
import type { RedisKeyManager } from '../stores/keys.js';
import type { RedisManager } from '../stores/redis/manager.js';
import { applyPatch, applyTurn, type ConversationContext, type MemoryPatch } from './context.js';
import type { MemoryProblem } from './errors.js';
import { keepAside, moveCallPart } from './legacy-call.js';
import {
  findLegacy,
  LEGACY_CALL_COMPONENTS,
  type LegacyCallPart,
  type LegacyValue,
  legacyNames,
  readLegacyKey,
  removeLegacyKey,
} from './legacy-keys.js';
import { type LegacyConversation, readLegacy } from './legacy-read.js';
import { MemorySession } from './memory-session.js';
import { rebuild } from './rebuild.js';
import { catalogued } from './session-load.js';
import { readSnapshot, writeSnapshot } from './snapshot.js';

export interface MigrationOptions {
  /** `d` of a session that has to be made: an actor passes its own, see actors/call-instance.ts. */
  readonly createData?: string | undefined;
  readonly onProblem?: ((problem: MemoryProblem) => void) | undefined;
  readonly now?: (() => number) | undefined;
}

export interface LegacyMigration {
  /** Legacy keys that were there. */
  readonly found: number;
  /** Of those, moved, verified and removed. */
  readonly removed: number;
  /** Turns of the history that were added to the journal. */
  readonly turns: number;
}

const TRIES = 8;
const COMMIT_TURNS = 64;

/**
 * Migrates what there is; nothing there costs one round trip. Takes the session's ownership when there is something.
 * Call it before the session is claimed or read.
 * @throws RtvoiceError RTV_REDIS_UNAVAILABLE, RTV_REDIS_REFUSED (run it again), RTV_FENCED_OWNER (others kept writing)
 */
export async function migrateLegacy(
  redis: RedisManager,
  keys: RedisKeyManager,
  seal: Seal,
  sessionId: string,
  options: MigrationOptions = {},
): Promise<LegacyMigration> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await migrateOnce(redis, keys, seal, sessionId, options);
    } catch (thrown) {
      const error = catalogued(thrown);
      // Two that migrate at once fence each other: the later one finds the work done.
      if (codeOf(error) !== 'RTV_FENCED_OWNER' || tries === TRIES) throw error;
      await pause(Math.random() * 10 * tries);
    }
  }
}

async function migrateOnce(
  redis: RedisManager,
  keys: RedisKeyManager,
  seal: Seal,
  sessionId: string,
  options: MigrationOptions,
): Promise<LegacyMigration> {
  const found = await findLegacy(redis, sessionId);
  if (found.length === 0) return { found: 0, removed: 0, turns: 0 };
  const values = new Map<string, LegacyValue>();
  for (const name of found) {
    const value = await readLegacyKey(redis, name, sessionId);
    if (value) values.set(name, value);
  }
  const problem = (): void => options.onProblem?.({ code: 'RTV_RECORD_UNREADABLE', what: 'legacy' });
  const names = legacyNames(sessionId);
  const done: LegacyValue[] = [];
  let turns = 0;
  try {
    const sources = [values.get(names.session), values.get(names.hist)].filter(
      (value) => value !== undefined,
    );
    if (sources.length > 0) {
      const legacy = readLegacy(fieldsOf(values.get(names.session)), itemsOf(values.get(names.hist)));
      turns = await moveConversation(redis, seal, sessionId, legacy, digestOf(sources), options);
      if (legacy.damaged) {
        problem();
        for (const value of sources) await keepAside(redis, keys, seal, sessionId, value);
      }
      done.push(...sources);
    }
    for (const part of Object.keys(LEGACY_CALL_COMPONENTS) as LegacyCallPart[]) {
      const value = values.get(names.call[part]);
      if (!value) continue;
      if (!(await moveCallPart(redis, keys, seal, sessionId, part, value, options))) problem();
      done.push(value);
    }
  } catch (thrown) {
    // The call's record is closed: what is left of it stays where it is.
    if (codeOf(thrown) === 'RTV_CALL_ENDED') return { found: found.length, removed: 0, turns };
    throw thrown;
  }
  let removed = 0;
  for (const value of done) {
    if (!(await removeLegacyKey(redis, value, sessionId))) break;
    removed += 1;
  }
  return { found: found.length, removed, turns };
}

/** History into the journal, core memory into the context; resolves to the turns added, once all is verified. */
async function moveConversation(
  redis: RedisManager,
  seal: Seal,
  sessionId: string,
  legacy: LegacyConversation,
  digest: string,
  options: MigrationOptions,
): Promise<number> {
  const { now = Date.now, createData } = options;
  const session = new MemorySession(sessionId, redis, { now, ...(createData ? { createData } : {}) });
  const loaded = await session.load();
  const { legacy: merged } = await session.claim();
  const rebuilt = await rebuild(seal, sessionId, session, loaded, 'main');
  for (const problem of rebuilt.problems) options.onProblem?.(problem);

  const known = new Set<string>();
  for (const entry of await session.entries(1)) {
    const opened = openTurn(seal, sessionId, entry);
    if (opened) known.add(opened.held.turn.turnId);
  }
  const turns = turnsOf(seal, legacy, now(), session.mediaEpoch);
  const missing = turns.filter((turn) => !known.has(turn.turnId));
  const untouched = known.size === turns.length - missing.length && !rebuilt.hadSnapshot;
  // The last turn carries the core memory, so that the journal alone can give the context back.
  const last = missing.at(-1);
  if (untouched && last) missing.splice(-1, 1, { ...last, patch: legacy.patch });
  let context = rebuilt.context;
  let seq = session.seq;
  for (let at = 0; at < missing.length; at += COMMIT_TURNS) {
    const batch = missing.slice(at, at + COMMIT_TURNS);
    for (const turn of batch) {
      seq += 1;
      context = applyTurn(context, { ...turn, seq });
    }
    await session.commit(batch.map((turn) => holdTurn(seal, sessionId, turn).payload));
  }
  if (merged !== digest)
    context = untouched ? applyPatch(context, legacy.patch) : mergeUnder(context, legacy.patch);
  await session.save(writeSnapshot(seal, sessionId, context), { lm: digest });
  await verify(redis, seal, sessionId, context, turns);
  return missing.length;
}

/** What was written, read again and opened, is what was meant. */
async function verify(
  redis: RedisManager,
  seal: Seal,
  sessionId: string,
  context: ConversationContext,
  turns: readonly Turn[],
): Promise<void> {
  const session = new MemorySession(sessionId, redis);
  const { context: stored } = await session.load();
  const read = stored.kind === 'found' ? readSnapshot(seal, sessionId, stored.data) : undefined;
  const byId = new Map<string, Turn>();
  for (const entry of await session.entries(1)) {
    const opened = openTurn(seal, sessionId, entry);
    if (opened?.readable) byId.set(opened.held.turn.turnId, opened.held.turn);
  }
  const whole = turns.every(({ turnId, role, text }) => {
    const kept = byId.get(turnId);
    return kept?.role === role && kept.text === text;
  });
  if (!whole || !isDeepStrictEqual(read, plain(context))) {
    throw new RtvoiceError('RTV_FENCED_OWNER', 'the migrated session changed while it was verified');
  }
}

/** Turns with ids made of their content, so that a history that was migrated before is known again. */
function turnsOf(seal: Seal, legacy: LegacyConversation, atMs: number, mediaEpoch: number): Turn[] {
  const said = new Map<string, number>();
  return legacy.messages.map(({ agent, role, text }) => {
    // Not of the agent: a plain history does not name it.
    const content = `${role}\n${text}`;
    const times = (said.get(content) ?? 0) + 1;
    said.set(content, times);
    const turnId = `legacy-${seal.pseudonym('legacy turn', `${times}\n${content}`)}`;
    const numbers = { startedAtMs: atMs, endedAtMs: atMs, seq: 0, mediaEpoch, turnNo: 0 };
    return { turnId, role, text, agent, ...numbers };
  });
}

/** What the context has already stays; what only the legacy session knows is added. */
function mergeUnder(context: ConversationContext, legacy: MemoryPatch): ConversationContext {
  const { slots, toolOutputs, values, systemPrompt } = context;
  return applyPatch(context, {
    slots: { ...legacy.slots, ...slots },
    toolOutputs: { ...legacy.toolOutputs, ...toolOutputs },
    ...(legacy.values ? { values: { ...legacy.values, ...values } } : {}),
    ...(systemPrompt === undefined && legacy.systemPrompt ? { systemPrompt: legacy.systemPrompt } : {}),
  });
}

const plain = (context: ConversationContext): unknown => JSON.parse(JSON.stringify(context)) as unknown;

const digestOf = (values: readonly LegacyValue[]): string => values.map(({ digest }) => digest).join('.');

function fieldsOf(value: LegacyValue | undefined): Record<string, string> | 'damaged' | undefined {
  if (!value) return undefined;
  if (value.type !== 'hash') return 'damaged';
  const fields = new Map<string, string>();
  for (let at = 0; at + 1 < value.parts.length; at += 2) {
    fields.set(String(value.parts[at]), String(value.parts[at + 1]));
  }
  return Object.fromEntries(fields);
}

function itemsOf(value: LegacyValue | undefined): string[] | 'damaged' | undefined {
  if (!value) return undefined;
  if (value.type === 'string' || value.type === 'list') return value.parts.map(String);
  if (value.type !== 'hash') return 'damaged';
  // One field an agent.
  const fields = Object.entries(fieldsOf(value) ?? {});
  return fields.map(([agent, messages]) => `{${JSON.stringify(agent)}:${messages}}`);
}
