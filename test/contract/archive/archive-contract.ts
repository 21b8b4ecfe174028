import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TranscriptArchive } from '../../../src/record/archive-port.js';
import { headerDocumentId, summaryDocumentId, turnDocumentId } from '../../../src/record/documents.js';
import { splitTurn } from '../../../src/record/parts.js';
import type { CosmosProxy } from '../../support/cosmos-proxy.js';
import { turnOf } from '../../support/turn-document.js';

export interface ArchiveUnderTest {
  readonly archive: TranscriptArchive;
  /** An adapter of the other kind on the same container. */
  readonly other: TranscriptArchive;
  readonly proxy: CosmosProxy;
  /** Whether a 429's retry-after reaches the caller. */
  readonly seesRetryAfter: boolean;
  close(): Promise<void>;
}

/** What every adapter of the archive port does alike. */
export function archiveContract(name: string, start: () => Promise<ArchiveUnderTest>): void {
  describe(`archive port: ${name}`, () => {
    let under: ArchiveUnderTest;
    let session: string;
    beforeAll(async () => {
      under = await start();
    }, 60_000);
    afterAll(async () => {
      await under?.close();
    });
    beforeEach(() => {
      under.proxy.fault = undefined;
      session = `call-${randomUUID()}`;
    });

    it('creates a document and reads it back', async () => {
      const turn = turnOf(session, 1, { transcript: '1.häll😀<b>&"\\ ' });
      expect(await under.archive.read(session, turn.id)).toEqual({ kind: 'absent' });
      expect(await under.archive.create(turn)).toEqual({ kind: 'created' });
      expect(await under.archive.read(session, turn.id)).toEqual({ kind: 'found', doc: turn });
      expect(await under.other.read(session, turn.id)).toEqual({ kind: 'found', doc: turn });
    });

    it('tells the same turn from another one under the same id, and keeps the first', async () => {
      const turn = turnOf(session, 1);
      await under.other.create(turn);
      expect(await under.archive.create(turn)).toEqual({ kind: 'exists', turnId: 't-1' });
      const intruder = turnOf(session, 1, { turnId: 't-other', transcript: '1.other' });
      expect(await under.archive.create(intruder)).toEqual({ kind: 'exists', turnId: 't-1' });
      expect(await under.archive.read(session, turn.id)).toEqual({ kind: 'found', doc: turn });
    });

    it('names the partition in every document request', async () => {
      const from = under.proxy.requests.length;
      await under.archive.create(turnOf(session, 1));
      await under.archive.read(session, turnDocumentId(session, 1));
      await under.archive.range(session, 1, 3);
      await under.archive.tail(session);
      const seen = under.proxy.requests.slice(from).filter((r) => r.path.includes('/docs') && !r.isQueryPlan);
      expect(seen.length).toBeGreaterThan(3);
      for (const request of seen) expect(request.partitionKey).toBe(JSON.stringify([session]));
    });

    it('finds the tail and reads ranges, whatever else the session holds', async () => {
      expect(await under.archive.tail(session)).toEqual({ kind: 'tail', lastSeq: 0 });
      await under.archive.create({
        id: headerDocumentId(session),
        kind: 'header',
        sessionId: session,
        incarnation: 'i1',
        startedAt: '2026-01-05T10:00:00.000Z',
        schema: 1,
      });
      const turns = Array.from({ length: 13 }, (_, i) => turnOf(session, i + 1));
      for (const turn of turns) await under.archive.create(turn);
      await under.archive.create({
        id: summaryDocumentId(session),
        kind: 'summary',
        sessionId: session,
        incarnation: 'i1',
        endedAt: '2026-01-05T10:01:00.000Z',
        turns: 13,
        firstSeq: 1,
        lastSeq: 13,
        sha256: 'aa',
        schema: 1,
      });
      expect(await under.archive.tail(session)).toEqual({ kind: 'tail', lastSeq: 13, turnId: 't-13' });
      expect(await under.archive.tail(session, 12)).toMatchObject({ lastSeq: 13 });
      expect(await under.archive.range(session, 3, 6)).toEqual({
        kind: 'range',
        turns: turns.slice(2, 6),
      });
      expect(await under.archive.range(session, 12, 20)).toEqual({
        kind: 'range',
        turns: turns.slice(11),
      });
    });

    it('says throttled for a 429 that lasts', async () => {
      under.proxy.fault = () => ({ kind: 'throttle', retryAfterMs: 30 });
      const outcome = await under.archive.create(turnOf(session, 1));
      expect(outcome).toEqual(
        under.seesRetryAfter ? { kind: 'throttled', retryAfterMs: 30 } : { kind: 'throttled' },
      );
      under.proxy.fault = undefined;
      expect(await under.archive.create(turnOf(session, 1))).toEqual({ kind: 'created' });
    });

    it('says unknown, not refused, where the store is away or answers nonsense', async () => {
      under.proxy.fault = () => ({ kind: 'status', status: 503 });
      expect(await under.archive.create(turnOf(session, 1))).toMatchObject({ kind: 'unknown' });
      under.proxy.fault = () => ({ kind: 'status', status: 403 });
      expect(await under.archive.create(turnOf(session, 1))).toMatchObject({ kind: 'unknown' });
      under.proxy.fault = () => ({ kind: 'reset' });
      expect(await under.archive.create(turnOf(session, 1))).toMatchObject({ kind: 'unknown' });
      under.proxy.fault = () => ({ kind: 'hang' });
      expect(await under.archive.create(turnOf(session, 1))).toMatchObject({ kind: 'unknown' });
      expect(await under.archive.read(session, turnDocumentId(session, 1))).toMatchObject({
        kind: 'unknown',
      });
    }, 60_000);

    it('counts a document as its own when the answer to its creation was lost', async () => {
      under.proxy.fault = (request) => (request.method === 'POST' ? { kind: 'lost_reply' } : undefined);
      const first = await under.archive.create(turnOf(session, 1));
      under.proxy.fault = undefined;
      expect(['unknown', 'exists']).toContain(first.kind);
      expect(await under.archive.create(turnOf(session, 1))).toEqual({ kind: 'exists', turnId: 't-1' });
    }, 60_000);

    it('says too_large over 2 MB, and takes the same turn in parts', async () => {
      const turn = turnOf(session, 1, { transcript: 'x'.repeat(2 * 1024 * 1024) });
      expect(await under.archive.create(turn)).toEqual({ kind: 'too_large' });
      const split = splitTurn(turn);
      expect(split?.parts.length).toBe(2);
      for (const part of split?.parts ?? [])
        expect(await under.archive.create(part)).toEqual({ kind: 'created' });
      if (split !== undefined) expect(await under.archive.create(split.main)).toEqual({ kind: 'created' });
      expect(await under.archive.tail(session)).toMatchObject({ lastSeq: 1 });
    });

    it('takes a document just under the limit, and an id at its longest', async () => {
      const under2 = turnOf(session, 1, { transcript: 'é'.repeat(949_000) });
      expect(splitTurn(under2)).toBeUndefined();
      expect(await under.archive.create(under2)).toEqual({ kind: 'created' });
      const long = 's'.repeat(1023 - '-i1-1'.length);
      expect(['created', 'exists']).toContain((await under.archive.create(turnOf(long, 1))).kind);
    });

    it('refuses ids that the service cannot address', async () => {
      expect(await under.archive.create(turnOf('a/b', 1))).toEqual({ kind: 'refused', code: 'id_invalid' });
      expect(await under.archive.create(turnOf('s'.repeat(1100), 1))).toMatchObject({ kind: 'refused' });
    });

    it('says refused where the store finds the document itself wrong', async () => {
      under.proxy.fault = () => ({ kind: 'status', status: 400 });
      expect(await under.archive.create(turnOf(session, 1))).toMatchObject({ kind: 'refused' });
    });
  });
}
