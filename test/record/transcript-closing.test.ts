/** The end of a transcript: documents, the check, a state that says so, analytics. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Analytics } from '../../src/record/analytics.js';
import { AsideStore } from '../../src/record/aside.js';
import type { TokenPrices } from '../../src/record/call-analytics.js';
import { DailyRollUps } from '../../src/record/daily.js';
import { headerDocumentId, summaryDocumentId } from '../../src/record/documents.js';
import type { Cosmos } from '../../src/stores/cosmos/client.js';
import { CosmosArchive } from '../../src/stores/cosmos/cosmos-archive.js';
import { CosmosRecords } from '../../src/stores/cosmos/record-container.js';
import { createTranscriptClosing } from '../../src/worker/transcript-closing.js';
import { type CosmosRig, type MadeCall, madeCall, silent, startCosmosRig } from './rig.js';

let rig: CosmosRig;
let cosmos: Cosmos;
beforeAll(async () => {
  rig = await startCosmosRig();
}, 60_000);
afterAll(() => rig?.stop());
beforeEach(async () => {
  rig.proxy.fault = undefined;
  cosmos = await rig.open();
});

function closingOf(call: MadeCall, over: { journal?: MadeCall['entries']; prices?: TokenPrices } = {}) {
  const items = new CosmosRecords(cosmos, 'analytics');
  const analytics = new Analytics(items);
  const archive = new CosmosArchive(cosmos);
  const states: string[] = [];
  const closing = createTranscriptClosing({
    journal: { entries: async () => [...(over.journal ?? call.entries)] },
    archive,
    reader: archive,
    aside: new AsideStore(new CosmosRecords(cosmos, 'aside')),
    setAside: async () => false,
    analytics,
    daily: new DailyRollUps(items, analytics),
    log: silent,
    closed: (state) => states.push(state),
    prices: over.prices,
  });
  return { closing, archive, analytics, states };
}

const factsOf = (analytics: Analytics) => analytics.search({ fromDay: '2026-04-07', toDay: '2026-04-07' });

describe('the end of a transcript', () => {
  it('writes header and summary, finds it complete, records the call without personal data', async () => {
    const call = madeCall('whole', 31, { subjectId: 'ab12' });
    const { closing, archive, analytics, states } = closingOf(call, {
      prices: { in: 2, out: 10 },
    });
    for (const document of call.documents) await archive.create(document);
    expect(await closing.complete(call.summary)).toBe('complete');
    expect(await archive.read('whole', headerDocumentId('whole'))).toMatchObject({
      doc: { kind: 'header', subjectHash: 'ab12', startedAt: call.documents[0]?.startedAt },
    });
    expect(await archive.read('whole', summaryDocumentId('whole'))).toMatchObject({
      doc: { kind: 'summary', turns: 31, firstSeq: 1, lastSeq: 31, outcome: 'completed' },
    });
    const page = await factsOf(analytics);
    expect(page.calls).toEqual([
      expect.objectContaining({ sessionId: 'whole', transcript: 'complete', userTurns: 15, agentTurns: 16 }),
    ]);
    expect(page.calls[0]).toMatchObject({
      tokensIn: 1600,
      tokensOut: 112,
      costUsd: expect.closeTo((1600 * 2 + 112 * 10) / 1e6, 9),
      latencies: { greeting: { n: 1, p50: 2000 }, reply: { n: 15, p50: 500 } },
    });
    expect(JSON.stringify(page)).not.toContain('words');
    // Again is the same, and counts once.
    expect(await closing.complete(call.summary)).toBe('complete');
    expect((await factsOf(analytics)).calls).toHaveLength(1);
    expect(states).toEqual(['complete', 'complete']);
  });

  it('closes a call of no turns, and one whose journal is lost', async () => {
    const none = madeCall('none', 0);
    const closed = closingOf(none);
    expect(await closed.closing.complete(none.summary)).toBe('complete');
    expect(await closed.archive.read('none', summaryDocumentId('none'))).toMatchObject({
      doc: { turns: 0, incarnation: none.summary.incarnation },
    });
    const lost = madeCall('lost', 7);
    const { closing, archive, analytics } = closingOf(lost, { journal: lost.entries.slice(5) });
    for (const document of lost.documents) await archive.create(document);
    expect(await closing.complete(lost.summary)).toBe('complete');
    expect((await factsOf(analytics)).calls.find((facts) => facts.sessionId === 'lost')).toMatchObject({
      userTurns: 3,
      agentTurns: 4,
    });
  });

  it('says what is wrong, but only at the second look', async () => {
    const gap = madeCall('gap', 5);
    const { closing, archive, analytics, states } = closingOf(gap);
    for (const document of gap.documents) if (document.seq !== 3) await archive.create(document);
    await expect(closing.complete(gap.summary)).rejects.toMatchObject({ code: 'RTV_COSMOS_UNAVAILABLE' });
    expect((await factsOf(analytics)).calls).toEqual([]);
    expect(await closing.complete(gap.summary)).toBe('gap');
    expect((await factsOf(analytics)).calls[0]).toMatchObject({ sessionId: 'gap', transcript: 'gap' });
    expect(states).toEqual(['gap']);

    const changed = madeCall('changed', 3);
    const other = closingOf(changed);
    for (const document of changed.documents)
      await other.archive.create(document.seq === 2 ? { ...document, transcript: 'v1.other' } : document);
    await expect(other.closing.complete(changed.summary)).rejects.toThrow();
    expect(await other.closing.complete(changed.summary)).toBe('hash_differs');

    // Closed already, over fewer turns: the summary that is there stays.
    const more = madeCall('more', 4);
    const first = closingOf({ ...more, entries: more.entries.slice(0, 3) });
    for (const document of more.documents) await first.archive.create(document);
    await expect(first.closing.complete({ ...more.summary, turns: 3 })).rejects.toThrow();
    await expect(closingOf(more).closing.complete(more.summary)).rejects.toThrow();
    const again = closingOf(more).closing;
    await expect(again.complete(more.summary)).rejects.toThrow();
    expect(await again.complete(more.summary)).toBe('summary_differs');
  });

  it('comes to no verdict while Cosmos does not answer', async () => {
    const call = madeCall('away', 3);
    const { closing, archive, states } = closingOf(call);
    for (const document of call.documents) await archive.create(document);
    rig.proxy.fault = (request) => (request.isQuery ? { kind: 'status', status: 503 } : undefined);
    await expect(closing.complete(call.summary)).rejects.toMatchObject({ code: 'RTV_COSMOS_UNAVAILABLE' });
    await expect(closing.complete(call.summary)).rejects.toMatchObject({ code: 'RTV_COSMOS_UNAVAILABLE' });
    rig.proxy.fault = undefined;
    expect(await closing.complete(call.summary)).toBe('complete');
    expect(states).toEqual(['complete']);
  });
});

describe('daily roll-ups', () => {
  const day = (n: number): string => `2026-04-${String(n).padStart(2, '0')}`;
  const noon = (n: number): number => Date.parse(`${day(n)}T12:00:00.000Z`);

  function parts() {
    const items = new CosmosRecords(cosmos, 'analytics');
    const analytics = new Analytics(items);
    return { analytics, daily: new DailyRollUps(items, analytics) };
  }
  async function recordCall(analytics: Analytics, id: string, startedAtMs: number): Promise<void> {
    const call = madeCall(id, 2, { startedAtMs });
    const { closing, archive } = closingOf(call);
    for (const document of call.documents) await archive.create(document);
    await closing.complete(call.summary);
    expect(analytics).toBeDefined();
  }

  it('miss no day, however long nothing ran, and make no day twice', async () => {
    const { analytics, daily } = parts();
    for (const n of [2, 4, 9]) await recordCall(analytics, `c${n}`, noon(n));
    expect((await daily.run(noon(3))).made.at(-1)).toBe(day(2));
    expect((await analytics.rollUpOf(day(2)))?.totals.calls).toBe(1);
    const late = await daily.run(noon(10));
    expect(late.made).toEqual([3, 4, 5, 6, 7, 8, 9].map(day));
    expect((await analytics.rollUpOf(day(9)))?.totals.calls).toBe(1);
    expect((await daily.run(noon(10))).made).toEqual([]);
  });

  it('go on where a run ended half-way', async () => {
    const { daily } = parts();
    await daily.run(noon(3));
    let writes = 0;
    rig.proxy.fault = (request) => {
      if (request.method !== 'POST' || request.isQuery) return undefined;
      writes++;
      return writes > 4 ? { kind: 'status', status: 503 } : undefined;
    };
    await expect(daily.run(noon(10))).rejects.toThrow();
    rig.proxy.fault = undefined;
    const rest = await daily.run(noon(10));
    expect(rest.made).toEqual([5, 6, 7, 8, 9].map(day));
  });

  it('make a day again for a call that was recorded after its end, once', async () => {
    const { analytics, daily } = parts();
    const today = Date.now();
    const yesterday = today - 86_400_000;
    await daily.run(today);
    const dayBefore = new Date(yesterday).toISOString().slice(0, 10);
    expect((await analytics.rollUpOf(dayBefore))?.totals.calls).toBe(0);
    await recordCall(analytics, 'late', yesterday);
    expect((await daily.run(today)).again).toEqual([dayBefore]);
    expect((await analytics.rollUpOf(dayBefore))?.totals.calls).toBe(1);
    expect((await daily.run(today)).again).toEqual([]);
    await recordCall(analytics, 'later', yesterday);
    expect((await daily.run(today)).again).toEqual([dayBefore]);
    expect((await analytics.rollUpOf(dayBefore))?.totals.calls).toBe(2);
  });
});
