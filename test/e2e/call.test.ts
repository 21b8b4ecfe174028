/** One call with real audio through the whole system, and what is left of it where (issue: one call, end to end). */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { revealTranscript } from '../../src/actors/call-record.js';
import type { TurnDocument } from '../../src/record/documents.js';
import type { CallResult } from '../../src/simulator/core/report.js';
import { RedisKeyManager } from '../../src/stores/keys.js';
import { FIXED_TTL_SECONDS, type TtlPolicy } from '../../src/stores/ttl.js';
import { transcribe } from '../support/pocketsphinx.js';
import {
  eventually,
  type Ran,
  type SidecarMetadata,
  type StackView,
  startTestStack,
  type TestStack,
} from '../support/stack.js';
import { normaliseWords, wordErrors } from '../support/wer.js';
import { receiveTraces, type TraceReceiver } from './otlp.js';

const TTL_MULTIPLIER = 0.5;
const keys = new RedisKeyManager({ environment: 'dev', ttlMultiplier: TTL_MULTIPLIER });
const LIVE = keys.systemKey('calls', 'live');
const CALLER = '+15550100';

/** Which policy bounds the TTL of which key, as docs and design name them. */
const POLICIES: Readonly<Record<string, TtlPolicy>> = {
  'call:session': 'conversation_context',
  'call:summary': 'call_summary',
  'conversation:context': 'conversation_context',
  'conversation:history': 'session_history',
  'conversation:auth': 'authentication_state',
  'cache:tts': 'tts_cache',
  'cache:incoming': 'tts_cache',
};

/** Names of things in the system, not something that was said. */
const NAMES = new Set(['claims']);

interface Placed {
  readonly ran: Ran;
  readonly result: CallResult;
}

let folder = '';
let traces: TraceReceiver;
let system: TestStack;
let view: StackView;
let first: Placed;
let turns: TurnDocument[] = [];
/** Words of each turn, in order. */
let said: string[] = [];
let during: { sidecars: SidecarMetadata[]; described: Record<string, unknown>; reminder: boolean };

const placed = (ran: Ran): Placed => ({ ran, result: JSON.parse(ran.stdout) as CallResult });

const closed = (callId: string): Promise<boolean> =>
  eventually(
    'the call is closed: summary, live index, reminder',
    async () =>
      (await view.redis.exists(keys.callKey(callId, 'summary'))) === 1 &&
      (await view.redis.zscore(LIVE, callId)) === null &&
      !(await view.hasReminder(callId)),
    15_000,
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rtvoice-e2e-'));
  traces = await receiveTraces();
  system = await startTestStack({
    env: {
      TTL_MULTIPLIER: String(TTL_MULTIPLIER),
      OTEL_EXPORTER_OTLP_ENDPOINT: traces.endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_INSECURE: 'true',
    },
  });
  view = system.view;
  const placing = view.rtvoice(['simulate', 'call', '--json', '--record', join(folder, 'heard.wav')]);
  const callId = await eventually('a live call with two turns', async () => {
    const [live] = await view.redis.zrange(LIVE, 0, '-1');
    if (live === undefined) return undefined;
    return (await view.redis.hlen(keys.conversationKey(live, 'history'))) >= 2 ? live : undefined;
  });
  during = {
    sidecars: await view.metadata(),
    described: await view.actor(callId, 'describe'),
    reminder: await view.hasReminder(callId),
  };
  first = placed(await placing);
  await closed(first.result.callConnectionId);
  ({ turns } = await view.transcript(callId));
  said = turns.map((turn) => revealTranscript(view.seal, callId, turn.turnId, turn.transcript));
});

afterAll(async () => {
  await system?.remove();
  await traces?.close();
  if (folder) await rm(folder, { recursive: true });
});

describe('during the call', () => {
  it('both sidecars host CallActor and are connected to placement', () => {
    expect(during.sidecars).toHaveLength(2);
    for (const { actorRuntime } of during.sidecars) {
      expect(actorRuntime?.hostReady).toBe(true);
      expect(actorRuntime?.placement).toBe('placement: connected');
      expect(actorRuntime?.activeActors?.map(({ type }) => type)).toContain('CallActor');
    }
  });

  it('one actor has it, named by the call connection id, with its reminder', () => {
    const counts = during.sidecars.flatMap(({ actorRuntime }) =>
      (actorRuntime?.activeActors ?? [])
        .filter(({ type }) => type === 'CallActor')
        .map(({ count }) => count ?? 0),
    );
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1);
    const { callConnectionId } = first.result;
    expect(during.described).toMatchObject({
      ok: true,
      callConnectionId,
      phase: 'connected',
      ownerEpoch: 1,
      mediaEpoch: 1,
    });
    expect(during.reminder).toBe(true);
  });
});

describe('what other programs read', () => {
  it('rtvoice simulate call --json prints one object', () => {
    const { ran, result } = first;
    expect(ran.stdout.trim().split('\n')).toHaveLength(1);
    expect(ran.code).toBe(0);
    expect(result).toMatchObject({
      callConnectionId: expect.stringMatching(/^[\w-]{8,}$/),
      outcome: 'completed',
      noReplies: 0,
      audio: { framesSent: expect.any(Number), framesReceived: expect.any(Number) },
    });
    expect(result.audio.framesReceived).toBeGreaterThan(500);
    for (const turn of result.turns) {
      expect(turn).toMatchObject({
        role: expect.stringMatching(/^(user|agent)$/),
        text: expect.any(String),
        startedMs: expect.any(Number),
        endedMs: expect.any(Number),
      });
    }
    expect(result.turns.filter(({ role }) => role === 'user').length).toBeGreaterThanOrEqual(4);
  });

  it('rtvoice status --json prints where everything is', async () => {
    const { code, stdout } = await view.rtvoice(['status', '--json']);
    expect(code).toBe(0);
    const url = expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+/);
    const worker = (id: string) => ({
      id,
      url,
      daprHttpPort: expect.any(Number),
      pids: { app: expect.any(Number), daprd: expect.any(Number) },
    });
    expect(JSON.parse(stdout)).toEqual({
      ready: true,
      incomingUrl: expect.stringMatching(/\/acs\/incoming$/),
      publicBaseUrl: url,
      workers: [worker('worker-1'), worker('worker-2')],
      acs: expect.objectContaining({ endpoint: url }),
      redis: expect.objectContaining({ host: '127.0.0.1', port: expect.any(Number) }),
      cosmos: expect.objectContaining({ endpoint: url }),
    });
  });
});

describe('what the caller heard', () => {
  it('the agent is understood word for word: at least 80 % by a recogniser that expects nothing', async () => {
    const spoken = said.filter((_, index) => turns[index]?.role === 'agent').join(' ');
    const understood = await transcribe(join(folder, 'heard.wav'));
    const { wer, words } = wordErrors(spoken, understood);
    console.log(`agent's words: ${words}, understood ${((1 - wer) * 100).toFixed(1)} %`);
    expect(words).toBeGreaterThan(40);
    expect(1 - wer).toBeGreaterThanOrEqual(0.8);
  });
});

describe('what is left of the call', () => {
  it('one document a turn, in order, without a gap', async () => {
    const { result } = first;
    expect(turns.map(({ seq }) => seq)).toEqual(turns.map((_, index) => index + 1));
    expect(new Set(turns.map(({ turnId }) => turnId)).size).toBe(turns.length);
    expect(turns.map(({ role }) => role)).toEqual(result.turns.map(({ role }) => role));
    const callers = result.turns.filter(({ role }) => role === 'user').map(({ text }) => text);
    expect(said.filter((_, index) => turns[index]?.role === 'user')).toEqual(callers);
    const { summaries } = await view.transcript(result.callConnectionId);
    expect(summaries).toHaveLength(1);
    expect(summaries[0]).toMatchObject({ turns: turns.length, firstSeq: 1, lastSeq: turns.length });
  });

  it("the caller's profile counts the call once", async () => {
    const subject = view.seal.pseudonym('subject', `4:${CALLER}`);
    const profile = await view.profile(subject);
    expect(profile).toMatchObject({ callCount: 1, sessions: [first.result.callConnectionId] });
  });

  it('every Redis key has a documented name and a TTL within its policy', async () => {
    const found = await view.redis.keys('*');
    const { callConnectionId } = first.result;
    expect(found).toEqual(
      expect.arrayContaining([
        keys.callKey(callConnectionId, 'session'),
        keys.callKey(callConnectionId, 'summary'),
        keys.conversationKey(callConnectionId, 'context'),
        keys.conversationKey(callConnectionId, 'history'),
      ]),
    );
    expect(found.filter((key) => keys.parse(key)?.identifier === 'tts').length).toBeGreaterThanOrEqual(6);
    for (const key of found) {
      const parts = keys.parse(key);
      expect(parts, key).toBeDefined();
      // In ms: a lease in its last second has 0 s left, and is not without a TTL.
      const ms = await view.redis.pttl(key);
      const ttl = ms < 0 ? ms : Math.ceil(ms / 1_000);
      // A heartbeat may have lapsed since the listing; an index of the system is ended entry by entry.
      if (ttl === -2 || (ttl === -1 && parts?.dataType === 'system')) continue;
      expect(ttl, key).toBeGreaterThan(0);
      const { dataType, identifier, component } = parts ?? { dataType: '', identifier: '', component: '' };
      if (dataType === 'worker') {
        const most = component === 'heartbeat' ? FIXED_TTL_SECONDS.heartbeat : FIXED_TTL_SECONDS.affinity;
        expect(ttl, key).toBeLessThanOrEqual(most);
        continue;
      }
      const policy = POLICIES[`${dataType}:${dataType === 'cache' ? identifier : component}`];
      if (policy) expect(ttl, key).toBeLessThanOrEqual(keys.ttl(policy));
    }
  });

  it('no value in Redis has readable words in it', async () => {
    const words = new Set(
      said.flatMap(normaliseWords).filter((word) => word.length >= 4 && !NAMES.has(word)),
    );
    expect(words.size).toBeGreaterThan(30);
    const found = await view.redis.keys('*');
    let sealedValues = 0;
    for (const key of found) {
      for (const value of [Buffer.from(key), ...(await valuesOf(key))]) {
        const text = value.toString('latin1');
        // What claims to be sealed is looked at decoded: there, any four letters come up by chance. Names of
        // JSON fields are no values.
        const sealed = text.match(/v1\.[A-Za-z0-9_-]{20,}/g) ?? [];
        sealedValues += sealed.length;
        const isAudio = key.includes(':cache:tts:');
        const clear = isAudio ? '' : text.replace(/v1\.[A-Za-z0-9_-]{20,}|"\w+":/g, ' ');
        const there = clear.toLowerCase().split(/[^a-z']+/);
        expect(
          there.filter((word) => words.has(word)),
          key,
        ).toEqual([]);
        const opaque = [
          ...sealed.map((one) => Buffer.from(one.slice(3), 'base64url').toString('latin1')),
          ...(isAudio ? [text] : []),
        ];
        const long = [...words].filter((word) => word.length >= 7);
        for (const bytes of opaque) {
          const lower = bytes.toLowerCase();
          expect(
            long.filter((word) => lower.includes(word)),
            key,
          ).toEqual([]);
        }
      }
    }
    expect(sealedValues).toBeGreaterThanOrEqual(turns.length);
  });

  it('the numbers of caller and callee are nowhere in Redis, nor in any log', async () => {
    const digits = CALLER.slice(1);
    for (const key of await view.redis.keys('*')) {
      for (const value of await valuesOf(key)) expect(value.includes(digits), key).toBe(false);
    }
    for (const name of ['worker-1', 'worker-2', 'frontdoor']) {
      const log = await readFile(join(view.info.logsDir, `${name}.log`), 'utf8');
      expect(log.includes(digits), name).toBe(false);
      for (const line of said.filter((text) => text.length > 12))
        expect(log.includes(line), name).toBe(false);
    }
  });

  it('affinity, live index and reminder are gone at once', async () => {
    const { callConnectionId } = first.result;
    expect(await view.redis.zscore(LIVE, callConnectionId)).toBeNull();
    expect(await view.hasReminder(callConnectionId)).toBe(false);
    for (const { id } of view.info.workers) {
      expect(await view.redis.smembers(keys.workerKey(id, 'affinity'))).not.toContain(callConnectionId);
    }
  });
});

describe('a second identical call', () => {
  let second: Placed;
  const counters = async () => ({
    syntheses: await view.metric('rtvoice_tts_syntheses_total'),
    hits: await view.metric('rtvoice_tts_cache_hits_total'),
  });

  it('takes all of its speech from the cache', async () => {
    const before = await counters();
    expect(before.syntheses).toBeGreaterThan(0);
    second = placed(await view.rtvoice(['simulate', 'call', '--json']));
    expect(second.result.outcome).toBe('completed');
    const after = await counters();
    expect(after.syntheses - before.syntheses).toBe(0);
    const replies = second.result.turns.filter(({ role }) => role === 'agent').length;
    expect(after.hits - before.hits).toBeGreaterThanOrEqual(replies);
  });

  it('is closed too, and the profile has both', async () => {
    await closed(second.result.callConnectionId);
    const profile = await view.profile(view.seal.pseudonym('subject', `4:${CALLER}`));
    expect(profile?.callCount).toBe(2);
  });

  it('is deactivated soon after, as the first one was', async () => {
    // Idle time-out 30 s, looked for every few seconds. Looking through the sidecar wakes nobody.
    await eventually('no call actor is in memory', async () => (await view.activeCalls()) === 0, 90_000, 500);
    expect(await view.metric('rtvoice_actors')).toBe(0);
  });
});

describe('the trace of the call', () => {
  const STAGES = ['turn.commit', 'reply', 'reply.agent', 'reply.speech', 'reply.audio', 'turns.archive'];

  it('is one, from IncomingCall to archive and close', async () => {
    const { callConnectionId, correlationId } = first.result;
    const spans = await eventually(
      'the span of the close',
      () => {
        const ours = traces.spans.filter(
          ({ scope, attributes }) =>
            scope === 'rtvoice' &&
            (attributes.call === callConnectionId || attributes['rtvoice.correlation_id'] === correlationId),
        );
        return ours.some(({ name }) => name === 'call.close') ? ours : undefined;
      },
      30_000,
    );
    const roots = spans.filter(({ parentId }) => parentId === '');
    expect(roots.map(({ name }) => name)).toEqual(['call.incoming']);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    const count = (name: string): number => spans.filter((span) => span.name === name).length;
    for (const name of STAGES) expect(count(name), name).toBeGreaterThan(0);
    // A turn that was sent again, for its answer came late, is looked at again.
    expect(count('turn.commit')).toBeGreaterThanOrEqual(turns.length);
    expect(count('reply')).toBe(turns.filter(({ role }) => role === 'agent').length);
    expect(count('call.close')).toBe(1);
    // Every span hangs under one that is there.
    const ids = new Set(spans.map(({ spanId }) => spanId));
    expect(spans.filter(({ parentId }) => parentId !== '' && !ids.has(parentId))).toEqual([]);
    for (const { startNs, endNs } of spans) expect(endNs >= startNs).toBe(true);
  });

  it('says nothing personal', () => {
    const words = new Set(
      said.flatMap(normaliseWords).filter((word) => word.length >= 4 && !NAMES.has(word)),
    );
    const values = traces.spans
      .filter(({ scope }) => scope === 'rtvoice')
      .flatMap(({ name, attributes }) => [name, ...Object.values(attributes)]);
    expect(values.length).toBeGreaterThan(50);
    const names = new Set(['call', 'speech', 'close', 'turn', 'agent', 'user', 'true', 'false']);
    const personal = values
      .flatMap((value) => value.toLowerCase().split(/[^a-z']+/))
      .filter((word) => words.has(word) && !names.has(word));
    expect(personal).toEqual([]);
    expect(values.filter((value) => value.includes(CALLER.slice(1)))).toEqual([]);
  });
});

/** All bytes under a key, whatever its type. */
async function valuesOf(key: string): Promise<Buffer[]> {
  const { redis } = view;
  switch (await redis.type(key)) {
    case 'string': {
      const value = await redis.getBuffer(key);
      return value ? [value] : [];
    }
    case 'hash':
      return Object.entries(await redis.hgetallBuffer(key)).flatMap(([field, value]) => [
        Buffer.from(field),
        value,
      ]);
    case 'set':
      return redis.smembersBuffer(key);
    case 'zset':
      return redis.zrangeBuffer(key, 0, '-1');
    case 'list':
      return redis.lrangeBuffer(key, 0, -1);
    case 'none':
      return [];
    default:
      throw new Error(`${key} has a type that nothing here writes`);
  }
}
