/** What is left of calls for good: transcript, profile, analytics, audit, metrics; read through the API and the CLI. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dayOf } from '../../src/record/audit-record.js';
import type { CallResult } from '../../src/simulator/core/report.js';
import { type Cosmos, cosmosFrom } from '../../src/stores/cosmos/client.js';
import { RedisKeyManager } from '../../src/stores/keys.js';
import { eventually, type StackView, startTestStack, type TestStack } from '../support/stack.js';

const API_TOKEN = 'admin-token-of-the-e2e-test';
const READ_TOKEN = 'reader-token-of-the-e2e-test';
const CALLER = '+15550123';
const keys = new RedisKeyManager({ environment: 'dev' });

let system: TestStack;
let view: StackView;
let cosmos: Cosmos;
let calls: CallResult[];
let subjectId = '';

beforeAll(async () => {
  system = await startTestStack({ env: { API_TOKEN, READ_TOKEN } });
  view = system.view;
  const { endpoint } = view.info.cosmos;
  cosmos = await cosmosFrom({ endpoint, key: view.secrets.cosmosKey, database: 'rtvoice' });
  const script = [{ say: 'I want to report a claim.' }, { say: 'It was hit yesterday.' }];
  // One after the other: the second finds the profile of the first.
  calls = [];
  for (let seed = 1; seed <= 2; seed++) {
    const call = await view.place({ script, seed, from: CALLER });
    calls.push(call);
    await eventually('the call is closed', async () =>
      (await view.redis.exists(keys.callKey(call.callConnectionId, 'summary'))) === 1 ? true : undefined,
    );
  }
  const { turns, summaries } = await view.transcript(idOf(0));
  if (turns.length === 0 || summaries.length !== 1) throw new Error('the first call was not archived');
});

afterAll(async () => {
  cosmos?.close();
  await system?.remove();
});

function idOf(call: number): string {
  const id = calls[call]?.callConnectionId;
  if (id === undefined) throw new Error('no such call');
  return id;
}

async function get(path: string, token?: string) {
  const response = await fetch(`${view.info.frontDoorUrl}${path}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  return { status: response.status, text: await response.text() };
}

async function itemsOf(
  container: 'transcripts' | 'analytics' | 'audit' | 'metrics',
  field: string,
  key: string,
) {
  const query = {
    query: `SELECT * FROM c WHERE c.${field} = @key`,
    parameters: [{ name: '@key', value: key }],
  };
  const { resources } = await cosmos
    .container(container)
    .items.query<Record<string, unknown>>(query, { partitionKey: key })
    .fetchAll();
  return resources;
}
const today = (): string => dayOf(Date.now());

describe('the record of a call', () => {
  it('has a header, its turns and a summary, and says that it is complete', async () => {
    const documents = await itemsOf('transcripts', 'partitionKey', idOf(0));
    const values = documents.map(({ value }) => value as Record<string, unknown>);
    const header = values.find(({ kind }) => kind === 'header');
    const summary = values.find(({ kind }) => kind === 'summary');
    const turns = values.filter(({ role }) => role !== undefined);
    expect(header).toMatchObject({
      sessionId: idOf(0),
      subjectHash: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(summary).toMatchObject({ turns: turns.length, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    subjectId = String(header?.subjectHash);
    const stored = JSON.parse((await view.redis.get(keys.callKey(idOf(0), 'summary'))) ?? '{}') as object;
    expect(stored).toMatchObject({ transcript: 'complete', turns: turns.length });
    expect(await view.metric('rtvoice_transcripts_closed_total')).toBe(2);
  });

  it('is in the analytics of its day, without personal data', async () => {
    const facts = (await itemsOf('analytics', 'day', today())).filter(({ kind }) => kind === 'call');
    expect(facts).toHaveLength(2);
    expect(facts[0]).toMatchObject({
      outcome: 'completed',
      agent: 'claims',
      transcript: 'complete',
      subjectHash: subjectId,
    });
    expect(facts[0]).toMatchObject({ latencies: { reply: { n: expect.any(Number) } } });
    expect(JSON.stringify(facts)).not.toMatch(/5550123|yesterday/);
  });

  it('counts in the profile of its caller, which the second call found in time', async () => {
    expect(await view.profile(subjectId)).toMatchObject({ callCount: 2, sessions: [idOf(0), idOf(1)] });
    const cached = await view.redis.get(keys.cacheKey(subjectId, 'profile'));
    expect(cached).toMatch(/^v1\./);
    const reads = (await view.samples()).filter(({ name }) => name === 'rtvoice_profile_read_ms');
    const found = reads.filter(({ labels }) => labels.from === 'cache' || labels.from === 'store');
    expect(found.reduce((sum, { count }) => sum + count, 0)).toBe(2);
  });
});

describe('reading back', () => {
  it('gives words to the admin, the course to the reader, nothing to anybody else', async () => {
    const path = `/api/transcripts/${idOf(0)}`;
    expect((await get(path)).status).toBe(401);
    const reader = await get(path, READ_TOKEN);
    expect(reader.status).toBe(200);
    expect(reader.text).not.toMatch(/claim\b/i);
    const text = await get(`${path}?format=text`, API_TOKEN);
    expect(text.text).toMatch(/Caller: .*claim/i);
    expect((await get(`${path}?format=vtt`, API_TOKEN)).text).toMatch(/^WEBVTT\n\n1\n00:00:00\.000 --> /);
    expect((await get(`${path}?format=vtt`, READ_TOKEN)).status).toBe(403);
  });

  it("finds a subject's sessions and calls by search", async () => {
    const sessions = JSON.parse((await get(`/api/subjects/${subjectId}/sessions`, READ_TOKEN)).text) as {
      sessions: object[];
    };
    expect(sessions.sessions).toEqual([
      expect.objectContaining({ sessionId: idOf(1), outcome: 'completed' }),
      expect.objectContaining({ sessionId: idOf(0), outcome: 'completed' }),
    ]);
    const first = JSON.parse((await get('/api/search?agent=claims&limit=1', READ_TOKEN)).text) as {
      calls: { sessionId: string }[];
      continuation: string;
    };
    expect(first.calls.map(({ sessionId }) => sessionId)).toEqual([idOf(1)]);
    const next = await get(`/api/search?agent=claims&limit=1&continuation=${first.continuation}`, READ_TOKEN);
    expect(next.text).toContain(idOf(0));
  });

  it('works from the command line as well', async () => {
    const shown = await view.rtvoice(['transcripts', 'show', idOf(0)]);
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toMatch(/Caller: .*claim/i);
    expect((await view.rtvoice(['transcripts', 'show', idOf(0), '--format', 'vtt'])).stdout).toContain(
      'WEBVTT',
    );
    expect((await view.rtvoice(['transcripts', 'show', 'nowhere'])).code).toBe(1);
    const found = await view.rtvoice(['transcripts', 'search', '--outcome', 'completed', '--json']);
    expect((JSON.parse(found.stdout) as { calls: object[] }).calls).toHaveLength(2);
    expect(await view.rtvoice(['transcripts', 'aside', idOf(0)])).toMatchObject({
      code: 0,
      stdout: 'nothing was set aside\n',
    });
    expect((await view.rtvoice(['provision'])).stdout).toBe('nothing to change\n');
  });
});

describe('audit, metrics, reports', () => {
  it('holds configuration, refusals and every access, in a chain that the command finds whole', async () => {
    const records = (await itemsOf('audit', 'day', today())).filter(({ kind }) => kind === 'record');
    const actions = new Set(records.map(({ action }) => action));
    for (const action of [
      'config.started',
      'security.refused',
      'transcript.read',
      'subject.sessions',
      'calls.searched',
    ])
      expect(actions).toContain(action);
    const reads = records.filter(
      ({ action, sessionId }) => action === 'transcript.read' && sessionId === idOf(0),
    );
    expect(new Set(reads.map(({ actor }) => actor))).toEqual(new Set(['admin', 'reader', 'cli']));
    const all = JSON.stringify(records);
    for (const secret of [API_TOKEN, READ_TOKEN, CALLER, view.secrets.dataKey])
      expect(all).not.toContain(secret);
    const verified = await view.rtvoice(['audit', 'verify', '--json']);
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, findings: [] });

    // Somebody with the store's key changes who read the transcript.
    const [read] = reads;
    await cosmos
      .container('audit')
      .item(String(read?.id), today())
      .replace({ ...read, actor: 'nobody' });
    const found = await view.rtvoice(['audit', 'verify']);
    expect(found.code).toBe(2);
    expect(found.stdout).toContain(`record ${read?.n} was changed`);
    await cosmos
      .container('audit')
      .item(String(read?.id), today())
      .replace({ ...read });
  });

  it('has a snapshot of capacity and use, and rolls days up by a reminder', async () => {
    const [snapshot] = await eventually('a snapshot', async () => {
      const found = await itemsOf('metrics', 'day', today());
      return found.length > 0 ? found : undefined;
    });
    expect(snapshot).toMatchObject({
      values: { redis_used_bytes: expect.any(Number), calls_live: expect.any(Number) },
    });
    const [worker] = view.info.workers;
    const headers = { 'dapr-api-token': view.secrets.daprApiToken, 'content-type': 'application/json' };
    const actor = `http://127.0.0.1:${worker?.daprHttpPort}/v1.0/actors/RecordActor/daily`;
    expect((await fetch(`${actor}/reminders/daily`, { headers })).status).toBe(200);
    // As the reminder does, each hour.
    const rollUp = await eventually("today's roll-up", async () => {
      const run = await fetch(`${actor}/method/daily`, { method: 'POST', body: '{}', headers });
      expect(run.status).toBe(200);
      const days = await itemsOf('analytics', 'day', today());
      return days.find(({ kind, totals }) => kind === 'rollup' && (totals as { calls: number }).calls === 2);
    });
    expect(rollUp).toMatchObject({
      byOutcome: { completed: { calls: 2 } },
      byAgent: { claims: { calls: 2 } },
    });
    const report = await view.rtvoice(['report', 'weekly', '--json']);
    expect(JSON.parse(report.stdout)).toMatchObject({ calls: 2, outcomes: { completed: 2 } });
    expect((await view.rtvoice(['report', 'weekly'])).stdout).toContain('redis_used_bytes');
  });
});
