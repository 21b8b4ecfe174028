/** What becomes of a document that Cosmos refuses for good: kept, told, shown, put back. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { revealTranscript } from '../../src/actors/call-record.js';
import { createMetrics } from '../../src/ops/metrics.js';
import { Analytics } from '../../src/record/analytics.js';
import { AsideStore } from '../../src/record/aside.js';
import { dayOf } from '../../src/record/audit-record.js';
import { DailyRollUps } from '../../src/record/daily.js';
import { summaryDocumentId, turnDocumentId } from '../../src/record/documents.js';
import { ProfileStore } from '../../src/record/profiles.js';
import { RecordReader } from '../../src/record/reader.js';
import { allOf } from '../../src/record/record-port.js';
import { restoreAside } from '../../src/record/restore.js';
import { verifyComplete } from '../../src/record/verify-complete.js';
import type { Cosmos } from '../../src/stores/cosmos/client.js';
import { CosmosArchive } from '../../src/stores/cosmos/cosmos-archive.js';
import { CosmosRecords } from '../../src/stores/cosmos/record-container.js';
import { createArchiver } from '../../src/worker/archive.js';
import { type Audit, createAudit } from '../../src/worker/audit.js';
import { createSetAside } from '../../src/worker/set-aside.js';
import { createTranscriptClosing } from '../../src/worker/transcript-closing.js';
import { type CosmosRig, dataKey, type MadeCall, madeCall, seal, silent, startCosmosRig } from './rig.js';

let rig: CosmosRig;
let cosmos: Cosmos;
let audit: Audit | undefined;
beforeAll(async () => {
  rig = await startCosmosRig();
}, 60_000);
afterAll(async () => {
  await audit?.stop();
  await rig?.stop();
});
beforeEach(async () => {
  rig.proxy.fault = undefined;
  await audit?.stop();
  cosmos = await rig.open();
});

/** A worker's archive and closing, as record.ts puts them together. */
function worker() {
  const metrics = createMetrics('w1');
  const records = (name: 'aside' | 'analytics' | 'audit' | 'profiles') => new CosmosRecords(cosmos, name);
  const archive = new CosmosArchive(cosmos);
  const aside = new AsideStore(records('aside'));
  audit = createAudit({ container: records('audit'), dataKey, workerId: 'w1', log: silent });
  const setAside = createSetAside({ aside, audit, metrics, log: silent });
  const told: string[] = [];
  const sinks = {
    archived: async (_callId: string, turns: readonly { seq: number }[]) => {
      told.push(...turns.map(({ seq }) => `turn ${seq}`));
    },
    conflict: async () => void told.push('conflict'),
  };
  const analytics = new Analytics(records('analytics'));
  return {
    archive,
    aside,
    analytics,
    told,
    archiver: createArchiver(archive, setAside, () => sinks, { check: async () => false }, metrics, silent),
    closingOf: (call: MadeCall) =>
      createTranscriptClosing({
        journal: { entries: async () => [...call.entries] },
        ...{ archive, reader: archive, aside, setAside, analytics, log: silent },
        daily: new DailyRollUps(records('analytics'), analytics),
      }),
    reader: new RecordReader({
      ...{ archive, aside, analytics },
      profiles: new ProfileStore({ container: records('profiles') }),
      open: ({ sessionId, turnId, transcript }) => revealTranscript(seal, sessionId, turnId, transcript),
    }),
  };
}

/** The service refuses these documents in `transcripts`, as it refuses what it cannot take: 400. */
function refuse(...ids: readonly string[]): void {
  rig.proxy.fault = ({ method, path, documentId = '' }) =>
    method === 'POST' && path.includes('/colls/transcripts/') && ids.includes(documentId)
      ? { kind: 'status', status: 400 }
      : undefined;
}

async function auditRecords(): Promise<Record<string, unknown>[]> {
  const day = dayOf(Date.now());
  const query = {
    text: 'SELECT * FROM c WHERE c.day = @day AND c.n > 0 ORDER BY c.n ASC',
    parameters: { day },
  };
  const found = [];
  for await (const item of allOf(new CosmosRecords(cosmos, 'audit'), day, query)) found.push(item);
  return found;
}

describe('a document that Cosmos refuses for good', () => {
  it('is kept sealed, told to its owner, and its call closes with a state that says so', async () => {
    const call = madeCall('poisoned', 5);
    const { archiver, aside, told, closingOf, analytics, reader } = worker();
    refuse(turnDocumentId('poisoned', 3));
    for (const document of call.documents) archiver.offer(document);
    await archiver.drain(30_000);
    await expect
      .poll(() => [...told].sort(), { timeout: 30_000 })
      .toEqual([1, 2, 3, 4, 5].map((n) => `turn ${n}`));
    const [kept, ...others] = await aside.of('poisoned');
    expect(others).toEqual([]);
    expect(kept).toMatchObject({ code: 'HTTP_400', document: call.documents[2] });

    // At once, not after a doubt: it is known why the turn is not there.
    expect(await closingOf(call).complete(call.summary)).toBe('set_aside');
    const page = await analytics.search({
      ...{ fromDay: '2026-04-07', toDay: '2026-04-07' },
      transcript: 'set_aside',
    });
    expect(page.calls[0]).toMatchObject({ sessionId: 'poisoned', transcript: 'set_aside' });
    const transcript = await reader.transcript('poisoned', { words: true });
    expect(transcript).toMatchObject({ completeness: 'set_aside', unreadable: 0 });
    expect(transcript?.turns.map(({ text }) => text)).toEqual(
      [1, 2, 3, 4, 5].map((n) => `words ${n} of poisoned`),
    );

    // Another owner offers it again: kept already, told again, recorded once.
    const third = call.documents[2];
    if (third) archiver.offer(third);
    await archiver.drain(30_000);
    await expect.poll(() => told.filter((one) => one === 'turn 3'), { timeout: 30_000 }).toHaveLength(2);
    await archiver.stop();
    await expect
      .poll(
        async () =>
          (await auditRecords()).map(({ action, sessionId, detail }) => ({ action, sessionId, detail })),
        {
          timeout: 30_000,
        },
      )
      .toEqual([
        {
          ...{ action: 'transcript.set_aside', sessionId: 'poisoned' },
          detail: {
            kind: 'turn',
            seq: 3,
            cause: 'HTTP_400',
            sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
          },
        },
      ]);
    expect(JSON.stringify(await auditRecords())).not.toContain('words');
  }, 120_000);

  it('keeps its turn where it is while it cannot be set aside, and is kept at a later offer', async () => {
    const call = madeCall('later', 2);
    const { archiver, aside, told } = worker();
    rig.proxy.fault = ({ path, method }) => {
      if (method === 'POST' && path.includes('/colls/aside/')) return { kind: 'status', status: 503 };
      return method === 'POST' && path.includes('/colls/transcripts/')
        ? { kind: 'status', status: 400 }
        : undefined;
    };
    for (const document of call.documents) archiver.offer(document);
    await archiver.drain(30_000);
    await archiver.flush('later', 30_000);
    refuse(...call.documents.map(({ id }) => id));
    expect(told).toEqual([]);
    await expect
      .poll(
        async () => {
          for (const document of call.documents) archiver.offer(document);
          await archiver.drain(30_000);
          return (await aside.of('later')).length;
        },
        { timeout: 60_000, interval: 200 },
      )
      .toBe(2);
    await expect.poll(() => new Set(told), { timeout: 30_000 }).toEqual(new Set(['turn 1', 'turn 2']));
    await archiver.stop();
  }, 120_000);

  it('may be the summary itself', async () => {
    const call = madeCall('no-summary', 3);
    const { archive, closingOf, reader } = worker();
    for (const document of call.documents) await archive.create(document);
    refuse(summaryDocumentId('no-summary'));
    expect(await closingOf(call).complete(call.summary)).toBe('set_aside');
    expect(await reader.transcript('no-summary', { words: true })).toMatchObject({
      completeness: 'set_aside',
      turns: [{ seq: 1 }, { seq: 2 }, { seq: 3 }],
    });
  });

  it('goes back into the transcript once the cause is gone, and makes it complete', async () => {
    const call = madeCall('mended', 4);
    const { archiver, archive, aside, closingOf } = worker();
    refuse(turnDocumentId('mended', 2), turnDocumentId('mended', 4));
    for (const document of call.documents) archiver.offer(document);
    await archiver.drain(30_000);
    await expect.poll(async () => (await aside.of('mended')).length, { timeout: 30_000 }).toBe(2);
    await archiver.stop();
    expect(await closingOf(call).complete(call.summary)).toBe('set_aside');
    refuse(turnDocumentId('mended', 4));
    const first = await restoreAside(archive, aside, await aside.of('mended'), Date.now);
    expect(first).toEqual({ restored: 1, left: 1 });
    rig.proxy.fault = undefined;
    const left = (await aside.of('mended')).filter(({ restoredAt }) => restoredAt === undefined);
    expect(left.map(({ document }) => document.id)).toEqual([turnDocumentId('mended', 4)]);
    expect(await restoreAside(archive, aside, left, Date.now)).toEqual({ restored: 1, left: 0 });
    expect(await verifyComplete(archive, 'mended')).toEqual({ state: 'complete', turns: 4 });
    // Again is the same.
    expect(await restoreAside(archive, aside, await aside.of('mended'), Date.now)).toEqual({
      restored: 2,
      left: 0,
    });
  }, 60_000);
});
