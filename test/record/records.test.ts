import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Analytics } from '../../src/record/analytics.js';
import type { CallAnalytics } from '../../src/record/call-facts.js';
import { EMPTY_TALLY, summaryDocument, tallyTurn } from '../../src/record/closing.js';
import { splitTurn } from '../../src/record/parts.js';
import { ProfileStore } from '../../src/record/profiles.js';
import { readTranscript } from '../../src/record/reading.js';
import { readWeeks, SystemMetrics, snapshotOf } from '../../src/record/system-metrics.js';
import { type Cosmos, cosmosFrom } from '../../src/stores/cosmos/client.js';
import { CONTAINERS } from '../../src/stores/cosmos/containers.js';
import { CosmosArchive } from '../../src/stores/cosmos/cosmos-archive.js';
import { provision } from '../../src/stores/cosmos/provision.js';
import { CosmosRecords } from '../../src/stores/cosmos/record-container.js';
import { CosmosProxy, type RecordedRequest } from '../support/cosmos-proxy.js';
import { type CosmosTarget, STANDIN_KEY, startCosmosTarget } from '../support/cosmos-target.js';
import { turnOf } from '../support/turn-document.js';

let target: CosmosTarget;
let proxy: CosmosProxy;
let cosmos: Cosmos;
let database = 0;
const settings = () => ({
  endpoint: proxy.url,
  key: STANDIN_KEY,
  database: `r${database}`,
  deadlineMs: 3000,
});

beforeAll(async () => {
  target = await startCosmosTarget();
  proxy = await new CosmosProxy({ target: target.url }).start();
}, 60_000);
afterAll(async () => {
  cosmos?.close();
  await proxy?.stop();
  await target?.stop();
});
beforeEach(() => {
  proxy.fault = undefined;
  cosmos?.close();
  database++;
});

async function connect(): Promise<void> {
  await provision(settings());
  cosmos = await cosmosFrom(settings());
}

/** Document requests since a mark; the SDK's query plans read no documents. */
function since(mark: number): RecordedRequest[] {
  return proxy.requests.slice(mark).filter((r) => /\/docs(\/|$)/.test(r.path) && !r.isQueryPlan);
}

describe('provision', () => {
  it('says what it would do, does it, and finds nothing to do again', async () => {
    const planned = await provision(settings(), { dryRun: true });
    expect(planned.map((change) => change.kind)).toEqual([
      'create_database',
      ...Object.keys(CONTAINERS).map(() => 'create_container'),
    ]);
    expect(planned.find((change) => 'container' in change && change.container === 'audit')).toEqual({
      ...{ kind: 'create_container', container: 'audit', partitionKey: '/day', maxThroughput: 1000 },
      indexed: ['/day/?', '/n/?', '/subjectHash/?'],
    });
    expect(await provision(settings(), { dryRun: true })).toEqual(planned);
    expect(await provision(settings())).toEqual(planned);
    const mark = proxy.requests.length;
    expect(await provision(settings())).toEqual([]);
    expect(proxy.requests.slice(mark).every((request) => request.method === 'GET' || request.isQuery)).toBe(
      true,
    );
  });

  it('names what differs, and blocks on another partition key', async () => {
    cosmos = await cosmosFrom(settings());
    await cosmos.client.databases.create({ id: settings().database });
    await cosmos.database.containers.create({ id: 'profiles', partitionKey: { paths: ['/id'] } });
    await cosmos.database.containers.create({
      id: 'audit',
      partitionKey: { paths: [CONTAINERS.audit.partitionKey] },
      defaultTtl: 3600,
    });
    const changes = await provision(settings(), { dryRun: true });
    expect(changes).toContainEqual({
      kind: 'update_container',
      container: 'audit',
      fields: ['defaultTtl', 'indexingPolicy'],
    });
    expect(changes.find((change) => change.kind === 'blocked')).toMatchObject({ container: 'profiles' });
  });
});

describe('profiles', () => {
  it('counts each call once when many workers tell of it at once', async () => {
    await connect();
    const stores = Array.from(
      { length: 6 },
      () => new ProfileStore({ container: new CosmosRecords(cosmos, 'profiles'), tries: 40 }),
    );
    expect(await stores[0]?.get('subject')).toBeUndefined();
    let n = 0;
    proxy.fault = () => {
      n++;
      if (n % 7 === 0) return { kind: 'lost_reply' };
      return n % 7 === 3 ? { kind: 'throttle', retryAfterMs: 5 } : undefined;
    };
    const tell = (store: ProfileStore, call: number) =>
      store.recordCall({
        subjectId: 'subject',
        sessionId: `s${call}`,
        endedAt: `2026-01-01T00:00:0${call}.000Z`,
      });
    await Promise.all(stores.flatMap((store) => [0, 1, 2, 3].map((call) => tell(store, call))));
    proxy.fault = undefined;
    expect(await stores[0]?.get('subject')).toMatchObject({
      callCount: 4,
      lastCallAt: '2026-01-01T00:00:03.000Z',
    });
  });
});

describe('analytics', () => {
  const call = (n: number, day: string, agent: string, outcome: string): CallAnalytics => ({
    id: `call-${n}-i1`,
    kind: 'call',
    day,
    sessionId: `call-${n}`,
    incarnation: 'i1',
    agent,
    outcome,
    startedAt: `${day}T10:00:${String(n % 60).padStart(2, '0')}.${String(n).padStart(3, '0')}Z`,
    endedAt: `${day}T11:00:00.000Z`,
    durationMs: 1000 + n,
    userTurns: 3,
    agentTurns: 4,
    interruptions: n % 2,
    latencies: { reply: { n: 4, p50: 10, p95: 20, max: 30 + n } },
    tokensIn: 100,
    tokensOut: 50,
    costUsd: 0.01,
    schema: 1,
  });
  const days = ['2026-03-01', '2026-03-02', '2026-03-03', '2026-03-04'];

  it('finds by day, agent and outcome, page by page, within one partition a request', async () => {
    await connect();
    const analytics = new Analytics(new CosmosRecords(cosmos, 'analytics'));
    const all = Array.from({ length: 80 }, (_, n) =>
      call(
        n,
        days[n % 3] ?? '',
        n % 2 === 0 ? 'billing' : 'sales',
        n % 5 === 0 ? 'transferred' : 'completed',
      ),
    );
    for (const facts of all) await analytics.record(facts);
    for (const facts of all.slice(0, 10)) await analytics.record(facts);
    const mark = proxy.requests.length;
    const found: CallAnalytics[] = [];
    let continuation: string | undefined;
    let pagesRead = 0;
    do {
      const page = await analytics.search({
        fromDay: '2026-03-01',
        toDay: '2026-03-04',
        agent: 'billing',
        outcome: 'completed',
        limit: 7,
        ...(continuation === undefined ? {} : { continuation }),
      });
      expect(page.calls.length).toBeLessThanOrEqual(7);
      found.push(...page.calls);
      continuation = page.continuation;
      pagesRead++;
    } while (continuation !== undefined && pagesRead < 50);
    const expected = all
      .filter((facts) => facts.agent === 'billing' && facts.outcome === 'completed')
      .sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
    expect(found).toEqual(expected);
    for (const request of since(mark)) {
      expect(days.map((day) => JSON.stringify([day]))).toContain(request.partitionKey);
    }
    await expect(
      analytics.search({ fromDay: '2026-03-01', toDay: '2026-03-02', continuation: 'x' }),
    ).rejects.toThrow();
    await expect(analytics.search({ fromDay: 'yesterday', toDay: '2026-03-02' })).rejects.toThrow();
  });

  it('rolls a day up, again with the same result, and reports the week', async () => {
    await connect();
    const analytics = new Analytics(new CosmosRecords(cosmos, 'analytics'));
    const metrics = new SystemMetrics(new CosmosRecords(cosmos, 'metrics'));
    for (let n = 0; n < 30; n++) await analytics.record(call(n, days[n % 3] ?? '', 'billing', 'completed'));
    const first = await analytics.rollUpDay('2026-03-01');
    expect(first.totals).toMatchObject({ calls: 10, userTurns: 30 });
    expect(await analytics.rollUpDay('2026-03-01')).toEqual(first);
    expect(await analytics.rollUpOf('2026-03-01')).toEqual(first);
    expect(await analytics.rollUpOf('2026-03-09')).toBeUndefined();
    await analytics.rollUpDay('2026-03-02');
    for (const [n, day] of days.entries()) {
      const snapshot = snapshotOf(new Date(`${day}T06:00:00.000Z`), 'w1', {
        redis_used_bytes: 100 * (n + 1),
      });
      await metrics.record(snapshot);
      await metrics.record(snapshot);
    }
    const mark = proxy.requests.length;
    const report = await readWeeks(metrics, (day) => analytics.rollUpOf(day), '2026-03-07');
    expect(report).toMatchObject({ from: '2026-03-01', calls: 20, outcomes: { completed: 20 } });
    expect(report.metrics.redis_used_bytes).toEqual({ n: 4, mean: 250, max: 400, last: 400 });
    for (const request of since(mark)) expect(request.partitionKey).toMatch(/^\["2026-0[23]-\d\d"\]$/);
  });
});

describe('reading back', () => {
  it('opens a transcript with its parts, and says whether it is complete', async () => {
    await connect();
    const archive = new CosmosArchive(cosmos);
    const open = (turn: { transcript: string }): string => turn.transcript.replace('1.sealed.', 'words ');
    expect(await readTranscript(archive, 'none', open)).toBeUndefined();
    let tally = EMPTY_TALLY;
    for (let seq = 1; seq <= 250; seq++) {
      const turn = turnOf('s', seq, {
        ...(seq === 7 ? { transcript: 'z'.repeat(2_500_000) } : {}),
        ...(seq === 8 ? { measures: { stages: { agent: 90 } } } : {}),
      });
      tally = tallyTurn(tally, turn);
      const split = splitTurn(turn);
      const documents = split === undefined ? [turn] : [...split.parts, split.main];
      for (const document of documents) expect(await archive.create(document)).toEqual({ kind: 'created' });
    }
    expect((await readTranscript(archive, 's', open))?.completeness).toBe('no_summary');
    await archive.create(summaryDocument('s', 'i1', tally, { endedAt: '2026-01-05T10:05:00.000Z' }));
    const mark = proxy.requests.length;
    const transcript = await readTranscript(archive, 's', open);
    expect(transcript).toMatchObject({ completeness: 'complete' });
    expect(transcript?.turns.map((turn) => turn.seq)).toEqual(Array.from({ length: 250 }, (_, i) => i + 1));
    expect(transcript?.turns[6]?.text.length).toBe(2_500_000);
    expect(transcript?.turns[7]?.measures).toEqual({ stages: { agent: 90 } });
    expect(transcript?.turns[8]).not.toHaveProperty('measures');
    expect(transcript?.turns[8]?.text).toBe('words 9');
    for (const request of since(mark)) expect(request.partitionKey).toBe('["s"]');
  });

  it('finds a gap, a changed text and a turn too many', async () => {
    await connect();
    const archive = new CosmosArchive(cosmos);
    const { verifyComplete } = await import('../../src/record/verify-complete.js');
    const summaryOf = (session: string, tally: typeof EMPTY_TALLY) =>
      summaryDocument(session, 'i1', tally, { endedAt: '2026-01-05T10:05:00.000Z' });
    const turns = (session: string) => [1, 2, 3, 4].map((seq) => turnOf(session, seq));
    const tallyOf = (session: string) => turns(session).reduce(tallyTurn, EMPTY_TALLY);

    for (const turn of turns('gap')) if (turn.seq !== 3) await archive.create(turn);
    await archive.create(summaryOf('gap', tallyOf('gap')));
    expect(await verifyComplete(archive, 'gap')).toEqual({ state: 'gap', missing: [3] });

    for (const turn of turns('text')) {
      await archive.create(turn.seq === 2 ? { ...turn, transcript: '1.sealed.other' } : turn);
    }
    await archive.create(summaryOf('text', tallyOf('text')));
    expect(await verifyComplete(archive, 'text')).toEqual({ state: 'hash_differs' });

    for (const turn of [...turns('more'), turnOf('more', 5)]) await archive.create(turn);
    await archive.create(summaryOf('more', tallyOf('more')));
    expect(await verifyComplete(archive, 'more')).toEqual({
      state: 'count_differs',
      expected: 4,
      found: 5,
    });
  });
});
