/** The reading API on a real store: roles, audit, formats, and the partition key of every query on the wire. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { revealTranscript } from '../../src/actors/call-record.js';
import type { SecurityEvent } from '../../src/http/authenticate.js';
import { readingApi } from '../../src/http/reading-api.js';
import { Analytics } from '../../src/record/analytics.js';
import { AsideStore } from '../../src/record/aside.js';
import { auditKeyFrom, dayOf } from '../../src/record/audit-record.js';
import { verifyAudit } from '../../src/record/audit-verify.js';
import { DailyRollUps } from '../../src/record/daily.js';
import { ProfileStore } from '../../src/record/profiles.js';
import { RecordReader } from '../../src/record/reader.js';
import { allOf } from '../../src/record/record-port.js';
import type { Cosmos } from '../../src/stores/cosmos/client.js';
import { CosmosArchive } from '../../src/stores/cosmos/cosmos-archive.js';
import { CosmosRecords } from '../../src/stores/cosmos/record-container.js';
import { type Audit, createAudit } from '../../src/worker/audit.js';
import { createTranscriptClosing } from '../../src/worker/transcript-closing.js';
import { bulkFill, startOf } from './bulk-fill.js';
import { type CosmosRig, dataKey, madeCall, seal, silent, startCosmosRig } from './rig.js';

const READ = 'reader-token-of-the-test';
const ADMIN = 'admin-token-of-the-test';
const FIRST_DAY = '2026-04-01';
const DAYS = 5;
/** Sessions in the store while its queries are watched; READ_SESSIONS=100000 for the large run. */
const SESSIONS = Number(process.env.READ_SESSIONS || 600);
/** So many come the whole way, through archive and closing; more of them by bulk requests. */
const WHOLE_WAY = Math.min(SESSIONS, 600);

let rig: CosmosRig;
let cosmos: Cosmos;
let audit: Audit;
let server: Server;
let url = '';
const refused: SecurityEvent[] = [];

beforeAll(async () => {
  rig = await startCosmosRig();
  cosmos = await rig.open();
  await fill();
  const app = express();
  audit = createAudit({
    container: new CosmosRecords(cosmos, 'audit'),
    dataKey,
    workerId: 'w1',
    log: silent,
  });
  readingApi(app, {
    reader: new RecordReader({
      archive: new CosmosArchive(cosmos),
      profiles: new ProfileStore({ container: new CosmosRecords(cosmos, 'profiles') }),
      aside: new AsideStore(new CosmosRecords(cosmos, 'aside')),
      analytics: new Analytics(new CosmosRecords(cosmos, 'analytics')),
      open: ({ sessionId, turnId, transcript }) => revealTranscript(seal, sessionId, turnId, transcript),
    }),
    readToken: READ,
    adminToken: ADMIN,
    audit: (access) => audit.record(access, 1_000),
    security: { record: (event) => refused.push(event) },
  });
  app.use((_request, response) => void response.status(404).json({ code: 'nobody' }));
  server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}, 1_800_000);
afterAll(async () => {
  await new Promise((resolve) => server?.close(resolve));
  await audit?.stop();
  await rig?.stop();
});
beforeEach(() => {
  rig.proxy.fault = undefined;
  refused.length = 0;
});

/** Sessions over a few days, two turns each, all of one subject's in its profile. */
async function fill(): Promise<void> {
  const items = new CosmosRecords(cosmos, 'analytics');
  const analytics = new Analytics(items);
  const archive = new CosmosArchive(cosmos);
  const store = new ProfileStore({ container: new CosmosRecords(cosmos, 'profiles') });
  const one = async (n: number): Promise<void> => {
    const startedAtMs = startOf(n, FIRST_DAY, DAYS);
    const call = madeCall(`session-${n}`, n === 0 ? 45 : 2, { startedAtMs, subjectId: 'subject' });
    for (const document of call.documents) await archive.create(document);
    const outcome = outcomeOf(n);
    await createTranscriptClosing({
      journal: { entries: async () => [...call.entries] },
      archive,
      reader: archive,
      aside: new AsideStore(new CosmosRecords(cosmos, 'aside')),
      setAside: async () => false,
      analytics,
      daily: new DailyRollUps(items, analytics),
      log: silent,
    }).complete({ ...call.summary, outcome });
    if (n < 60) {
      const { disconnectedAt: endedAt = '' } = call.summary;
      await store.recordCall({ subjectId: 'subject', sessionId: `session-${n}`, endedAt });
    }
  };
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < WHOLE_WAY) await one(next++);
  };
  // Sixty in order, for the profile's list.
  while (next < 60) await one(next++);
  await Promise.all(Array.from({ length: 16 }, worker));
  const started = performance.now();
  const more = Array.from({ length: SESSIONS - WHOLE_WAY }, (_, at) => WHOLE_WAY + at).map((n) => ({
    ...{ sessionId: `session-${n}`, startedAtMs: startOf(n, FIRST_DAY, DAYS) },
    ...{ outcome: outcomeOf(n), turns: 2 },
  }));
  await bulkFill({ url: rig.targetUrl, name: cosmos.database.id }, more);
  if (more.length > 0)
    console.log(`${more.length} more sessions in ${Math.round((performance.now() - started) / 1000)} s`);
  // One that is not closed.
  for (const document of madeCall('session-open', 2).documents) await archive.create(document);
}

const outcomeOf = (n: number): string => (n % 3 === 0 ? 'failed_500' : 'completed');

async function get(path: string, token?: string, headers: Record<string, string> = {}) {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}${path}`, { headers: { ...authorization, ...headers } });
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    text: await response.text(),
  };
}
const getJson = async (path: string, token: string, headers = {}) => {
  const { status, text } = await get(path, token, headers);
  return { status, body: JSON.parse(text) as Record<string, unknown> };
};

async function auditRecords(): Promise<Record<string, unknown>[]> {
  const records = [];
  const today = dayOf(Date.now());
  const query = {
    text: 'SELECT * FROM c WHERE c.day = @day AND c.n > 0 ORDER BY c.n ASC',
    parameters: { day: today },
  };
  for await (const item of allOf(new CosmosRecords(cosmos, 'audit'), today, query)) records.push(item);
  return records;
}

describe('who may read what', () => {
  it('is nobody without a token, and each refusal is a security event', async () => {
    for (const path of ['/api/transcripts/session-0', '/api/subjects/subject/sessions', '/api/search']) {
      expect(await get(path)).toMatchObject({ status: 401, type: expect.stringContaining('problem+json') });
      expect((await get(path, 'a-token-of-somebody-else')).status).toBe(401);
    }
    expect(refused).toHaveLength(6);
    expect(JSON.stringify(refused)).not.toContain('somebody');
  });

  it('the reader sees the course of a transcript, the admin its words', async () => {
    const { body } = await getJson('/api/transcripts/session-0', READ);
    expect(body).toMatchObject({ sessionId: 'session-0', completeness: 'complete', words: false });
    expect((body.turns as { text: string }[]).map(({ text }) => text)).toEqual(Array(45).fill(''));
    const admin = await getJson('/api/transcripts/session-0', ADMIN);
    expect(admin.body).toMatchObject({ completeness: 'complete', words: true, unreadable: 0 });
    expect((admin.body.turns as { text: string }[])[44]?.text).toBe('words 45 of session-0');
    for (const format of ['text', 'vtt']) {
      expect((await get(`/api/transcripts/session-0?format=${format}`, READ)).status).toBe(403);
    }
    expect(refused.map(({ code }) => code)).toEqual(['RTV_FORBIDDEN', 'RTV_FORBIDDEN']);
    const text = await get('/api/transcripts/session-0?format=text', ADMIN);
    expect(text.text.split('\n')[1]).toBe('[00:00:02] Caller: words 2 of session-0');
    const captions = await get('/api/transcripts/session-0?format=vtt', ADMIN);
    expect(captions.type).toContain('text/vtt');
    expect(captions.text).toContain('2\n00:00:02.000 --> 00:00:03.500\n<v Caller>words 2 of session-0\n');
  });

  it('answers problems, not pages, for what is not there or not understood', async () => {
    expect(await getJson('/api/transcripts/nowhere', ADMIN)).toMatchObject({
      status: 404,
      body: { code: 'RTV_TRANSCRIPT_UNKNOWN' },
    });
    expect((await getJson('/api/transcripts/a%2Fb', ADMIN)).body.code).toBe('RTV_TRANSCRIPT_UNKNOWN');
    expect((await getJson('/api/subjects/unknown/sessions', READ)).status).toBe(404);
    for (const bad of [
      'from=yesterday',
      'from=2026-13-40',
      'limit=0',
      'limit=x',
      'continuation=zz',
      'agent=%00',
    ]) {
      expect(await getJson(`/api/search?${bad}`, READ)).toMatchObject({
        status: 400,
        body: { code: 'RTV_SEARCH_INVALID' },
      });
    }
    expect((await getJson('/api/search?from=2020-01-01&to=2026-01-01', READ)).status).toBe(400);
    expect((await getJson('/api/transcripts/session-0?format=pdf', ADMIN)).status).toBe(400);
    expect((await getJson('/api/subjects/subject/sessions?continuation=zz', READ)).status).toBe(400);
  });

  it('records every access before it answers, in a chain that holds', async () => {
    const before = (await auditRecords()).length;
    await getJson('/api/transcripts/session-1', ADMIN, { 'x-correlation-id': 'asked-1' });
    await getJson('/api/transcripts/nowhere', READ);
    await getJson('/api/subjects/subject/sessions', READ);
    await getJson('/api/search?from=2026-04-01&to=2026-04-02&agent=claims', READ);
    const records = (await auditRecords()).slice(before);
    expect(records).toEqual([
      expect.objectContaining({
        ...{ action: 'transcript.read', actor: 'admin', sessionId: 'session-1', correlationId: 'asked-1' },
        detail: { format: 'json', words: true, found: true, turns: 2 },
      }),
      expect.objectContaining({ action: 'transcript.read', actor: 'reader', sessionId: 'nowhere' }),
      expect.objectContaining({ action: 'subject.sessions', actor: 'reader', subjectHash: 'subject' }),
      expect.objectContaining({
        ...{ action: 'calls.searched', actor: 'reader' },
        detail: { fromDay: '2026-04-01', toDay: '2026-04-02', agent: 'claims', calls: 50 },
      }),
    ]);
    expect(JSON.stringify(records)).not.toContain('words 1 of');
    const today = dayOf(Date.now());
    expect(
      await verifyAudit(new CosmosRecords(cosmos, 'audit'), auditKeyFrom(dataKey), today, today),
    ).toMatchObject({
      ok: true,
    });
  });

  it('hands nothing out while the audit log cannot be written, and all again afterwards', async () => {
    rig.proxy.fault = (request) =>
      request.path.includes('/colls/audit/') ? { kind: 'status', status: 503 } : undefined;
    const { status, body } = await getJson('/api/transcripts/session-0', ADMIN);
    expect([status, body.code]).toEqual([503, 'RTV_AUDIT_UNAVAILABLE']);
    expect(JSON.stringify(body)).not.toContain('words');
    // It tries again after a pause; then all is as before.
    rig.proxy.fault = undefined;
    await expect
      .poll(async () => (await get('/api/transcripts/session-0', ADMIN)).status, { timeout: 30_000 })
      .toBe(200);
  });

  it('is no API at all where no token is set', async () => {
    const app = express();
    readingApi(app, { readToken: undefined, adminToken: undefined } as Parameters<typeof readingApi>[1]);
    app.use((_request, response) => void response.status(404).end());
    const bare = createServer(app);
    await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve));
    const { port } = bare.address() as AddressInfo;
    expect((await fetch(`http://127.0.0.1:${port}/api/search`)).status).toBe(404);
    await new Promise((resolve) => bare.close(resolve));
  });
});

describe(`each query names its partition, among ${SESSIONS} transcripts`, () => {
  /** Runs a request and answers the partition keys on the wire, the audit log's left out. */
  async function partitionsOf(path: string): Promise<string[]> {
    const mark = rig.proxy.requests.length;
    const started = performance.now();
    expect((await get(path, ADMIN)).status).toBe(200);
    if (SESSIONS > WHOLE_WAY) console.log(`${Math.round(performance.now() - started)} ms  ${path}`);
    const seen = rig.since(mark).filter((request) => !request.path.includes('/colls/audit/'));
    expect(seen.length).toBeGreaterThan(0);
    // The SDK sends enablecrosspartition with whatever it asks; it is the key that keeps a request to its partition.
    for (const request of seen) expect(request.partitionKey).toBeDefined();
    return seen.map((request) => `${/colls\/(\w+)/.exec(request.path)?.[1]} ${request.partitionKey}`);
  }

  it('a transcript: its session', async () => {
    const seen = await partitionsOf('/api/transcripts/session-7');
    expect(new Set(seen)).toEqual(new Set(['transcripts ["session-7"]']));
    expect(seen.length).toBeLessThanOrEqual(6);
  });

  it('a transcript that is not closed: its session, there and among what was set aside', async () => {
    const seen = await partitionsOf('/api/transcripts/session-open');
    expect(new Set(seen)).toEqual(new Set(['transcripts ["session-open"]', 'aside ["session-open"]']));
  });

  it("a subject's sessions: the subject, then each session on the page", async () => {
    const seen = await partitionsOf('/api/subjects/subject/sessions?limit=3');
    expect(seen[0]).toBe('profiles ["subject"]');
    expect(new Set(seen.slice(1))).toEqual(
      new Set(['session-59', 'session-58', 'session-57'].map((id) => `transcripts ["${id}"]`)),
    );
  });

  it('a search: one day at a time, and only days that were asked for', async () => {
    for (const filter of [
      '',
      '&agent=claims',
      '&outcome=completed',
      '&agent=claims&outcome=failed_500',
      '&transcript=gap',
    ]) {
      const seen = await partitionsOf(`/api/search?from=2026-04-02&to=2026-04-03&limit=500${filter}`);
      for (const one of seen) expect(one).toMatch(/^analytics \["2026-04-0[23]"\]$/);
    }
    const times = 'from=2026-04-02T08:00:00Z&to=2026-04-02T09:00:00Z';
    expect(new Set(await partitionsOf(`/api/search?${times}`))).toEqual(
      new Set(['analytics ["2026-04-02"]']),
    );
  });

  it('finds each call once, page by page', async () => {
    const ids: unknown[] = [];
    let continuation = '';
    do {
      const more = continuation === '' ? '' : `&continuation=${continuation}`;
      const page = await getJson(
        `/api/search?from=2026-04-01&to=2026-04-05&outcome=completed&limit=300${more}`,
        READ,
      );
      expect(page.status).toBe(200);
      ids.push(...(page.body.calls as { sessionId: string }[]).map(({ sessionId }) => sessionId));
      continuation = String(page.body.continuation ?? '');
    } while (continuation !== '');
    const expected = Array.from({ length: SESSIONS }, (_, n) => n).filter((n) => n % 3 !== 0);
    expect(new Set(ids)).toEqual(new Set(expected.map((n) => `session-${n}`)));
    expect(ids).toHaveLength(expected.length);
  }, 600_000);

  it('finds by time within a day', async () => {
    const { body } = await getJson(
      '/api/search?from=2026-04-01T08:00:00Z&to=2026-04-01T08:00:05.500Z&limit=500',
      READ,
    );
    const found = (body.calls as { sessionId: string }[]).map(({ sessionId }) => sessionId);
    expect(found).toEqual(['session-10', 'session-5', 'session-0']);
  });

  it("gives a subject's sessions page by page, newest first, with how they ended", async () => {
    const first = await getJson('/api/subjects/subject/sessions?limit=50', READ);
    expect((first.body.sessions as unknown[])[0]).toEqual({
      sessionId: 'session-59',
      endedAt: expect.stringMatching(/^2026-04-05T/),
      turns: 2,
      outcome: 'completed',
    });
    const rest = await getJson(
      `/api/subjects/subject/sessions?limit=50&continuation=${first.body.continuation}`,
      READ,
    );
    const ids = [first, rest].flatMap(({ body }) => body.sessions as { sessionId: string }[]);
    expect(ids.map(({ sessionId }) => sessionId)).toEqual(
      Array.from({ length: 60 }, (_, n) => `session-${59 - n}`),
    );
    expect(rest.body.continuation).toBeUndefined();
  });
});
