import { appendFile, mkdtemp, readFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Container, CosmosClient } from '@azure/cosmos';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type Compiled, compileTools } from './compiled.js';
import { type Started, start, stop } from './processes.js';

let tools: Compiled;
let data: string;
let running: Started[] = [];

beforeAll(async () => {
  tools = await compileTools();
});
afterAll(() => tools.remove());
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'cosmos-journal-'));
});
afterEach(async () => {
  for (const one of running) await stop(one, 'SIGKILL');
  running = [];
  await rm(data, { recursive: true, force: true });
});

const journal = (): string => join(data, 'journal.ndjson');

async function standIn(): Promise<Started & { url: string }> {
  const started = start(process.execPath, [
    tools.file('tools/cosmos/main.ts'),
    '--port',
    '0',
    '--data',
    data,
  ]);
  running.push(started);
  const url = await vi.waitFor(
    () => {
      const found = /http:\/\/127\.0\.0\.1:\d+\//.exec(started.output())?.[0];
      if (found === undefined) throw new Error(`not up: ${started.output()}`);
      return found;
    },
    { timeout: 20_000, interval: 20 },
  );
  return { ...started, url };
}

async function container(url: string): Promise<Container> {
  const client = new CosmosClient({
    endpoint: url,
    key: 'bm90IGEga2V5',
    connectionPolicy: { enableEndpointDiscovery: false, retryOptions: { maxRetryAttemptCount: 0 } as never },
  });
  const { database } = await client.databases.createIfNotExists({ id: 'rtvoice' });
  const settings = { id: 'turns', partitionKey: { paths: ['/partitionKey'] }, defaultTtl: -1 };
  return (await database.containers.createIfNotExists(settings)).container;
}

const document = (n: number, value = 0): { id: string; partitionKey: string; value: number } => ({
  id: `d${n}`,
  partitionKey: `p${n % 7}`,
  value,
});

test('every write that was answered is there after kill -9 in mid-write', async () => {
  const first = await standIn();
  const turns = await container(first.url);
  /** By id: the value last acknowledged and the one last sent. */
  const known = new Map<string, { acknowledged: number | null; sent: number | null; partitionKey: string }>();
  let writes = 0;
  const writer = async (lane: number): Promise<void> => {
    for (let n = lane; ; n += 8) {
      const { id, partitionKey } = document(n);
      const entry = { acknowledged: null as number | null, sent: 1 as number | null, partitionKey };
      known.set(id, entry);
      await turns.items.create(document(n, 1));
      entry.acknowledged = 1;
      entry.sent = 2;
      await turns.items.upsert(document(n, 2));
      entry.acknowledged = 2;
      if (n % 3 === 0) {
        entry.sent = null;
        await turns.item(id, partitionKey).delete();
        entry.acknowledged = null;
      }
      writes += 2;
    }
  };
  const lanes = Array.from({ length: 8 }, (_, lane) => writer(lane).catch(() => 'cut off'));
  await vi.waitFor(() => expect(writes).toBeGreaterThan(400), { timeout: 30_000, interval: 5 });
  await stop(first, 'SIGKILL');
  await Promise.all(lanes);

  const second = await standIn();
  const after = await container(second.url);
  const { resources } = await after.items.readAll<{ id: string; value: number }>().fetchAll();
  const found = new Map(resources.map(({ id, value }) => [id, value]));
  for (const [id, { acknowledged, sent }] of known) {
    // A write that was cut off may have happened or not; an acknowledged one has.
    expect([acknowledged, sent]).toContain(found.get(id) ?? null);
  }
  expect(found.size).toBeGreaterThan(100);
}, 60_000);

test('a last line that a crash cut off is dropped, the rest is kept and writing goes on', async () => {
  const first = await standIn();
  const turns = await container(first.url);
  for (let n = 0; n < 5; n += 1) await turns.items.create(document(n));
  await stop(first, 'SIGKILL');
  await truncate(journal(), (await stat(journal())).size - 10);

  const second = await standIn();
  expect(second.output()).toMatch(/, 4 documents .* \d+ bytes of an unanswered write dropped/);
  const again = await container(second.url);
  await again.items.create(document(5));
  await stop(second, 'SIGKILL');

  const third = await standIn();
  expect(third.output()).toContain(', 5 documents ');
  expect(third.output()).not.toContain('dropped');
}, 60_000);

test('a damaged line in the middle stops the start with a code, and the file stays as it is', async () => {
  const first = await standIn();
  await (await container(first.url)).items.create(document(1));
  await stop(first);
  await appendFile(journal(), '[{"t":"doc",\n[]\n');
  const before = await readFile(journal(), 'utf8');
  const refused = start(process.execPath, [tools.file('tools/cosmos/main.ts'), '--data', data]);
  expect(await refused.exited).toBe(1);
  expect(refused.output()).toMatch(/RTV_STACK_COSMOS_JOURNAL: line \d+ of .* is damaged/);
  expect(await readFile(journal(), 'utf8')).toBe(before);
}, 60_000);

test('a start writes the journal anew, so that it holds the present state only', async () => {
  const first = await standIn();
  const turns = await container(first.url);
  for (let round = 0; round < 30; round += 1) {
    await Promise.all([0, 1, 2].map((n) => turns.items.upsert(document(n, round))));
  }
  await turns.item('d2', 'p2').delete();
  const etag = (await turns.item('d1', 'p1').read()).etag;
  await stop(first);
  const grown = (await stat(journal())).size;

  await stop(await standIn());
  const compacted = (await stat(journal())).size;
  expect(compacted).toBeLessThan(grown / 5);

  const third = await standIn();
  expect((await stat(journal())).size).toBe(compacted);
  const after = await container(third.url);
  const { resource, etag: same } = await after.item('d1', 'p1').read<{ value: number }>();
  expect([resource?.value, same]).toEqual([29, etag]);
  expect((await after.item('d2', 'p2').read()).statusCode).toBe(404);
  // An etag from before the restarts still guards its document.
  const condition = { accessCondition: { type: 'IfMatch', condition: etag } };
  await after.item('d1', 'p1').replace(document(1, 30), condition);
  await expect(after.item('d1', 'p1').replace(document(1, 31), condition)).rejects.toMatchObject({
    code: 412,
  });
}, 60_000);

test('one folder serves one stand-in; bad arguments and a taken port have codes', async () => {
  const first = await standIn();
  const main = tools.file('tools/cosmos/main.ts');
  const refused: [string[], string, number][] = [
    [['--data', data], 'RTV_STACK_COSMOS_LOCKED', 1],
    [['--port', new URL(first.url).port, '--data', join(data, 'other')], 'RTV_STACK_COSMOS_PORT', 1],
    [['--port', 'x', '--data', data], 'RTV_STACK_COSMOS_ARGUMENTS', 2],
    [['--nonsense'], 'RTV_STACK_COSMOS_ARGUMENTS', 2],
  ];
  for (const [args, code, status] of refused) {
    const other = start(process.execPath, [main, ...args]);
    expect(await other.exited).toBe(status);
    expect(other.output()).toContain(code);
  }
  expect((await fetch(`${first.url}_standin/health`)).status).toBe(200);
}, 60_000);
