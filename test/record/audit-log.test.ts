import { randomBytes } from 'node:crypto';
import type { Container } from '@azure/cosmos';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditLogOptions } from '../../src/record/audit-batch.js';
import { AuditLog } from '../../src/record/audit-log.js';
import { type AuditRecord, chainRecord, dayAfter, headId, recordId } from '../../src/record/audit-record.js';
import { verifyAudit } from '../../src/record/audit-verify.js';
import { type Cosmos, cosmosFrom } from '../../src/stores/cosmos/client.js';
import { provision } from '../../src/stores/cosmos/provision.js';
import { CosmosRecords } from '../../src/stores/cosmos/record-container.js';
import { CosmosProxy } from '../support/cosmos-proxy.js';
import { type CosmosTarget, STANDIN_KEY, startCosmosTarget } from '../support/cosmos-target.js';

const key = randomBytes(32);
const DAY = '2026-03-10';
const at = (day: string): number => Date.parse(`${day}T12:00:00.000Z`);

let target: CosmosTarget;
let proxy: CosmosProxy;
let cosmos: Cosmos;
let records: CosmosRecords;
let raw: Container;
let databases = 0;

beforeAll(async () => {
  target = await startCosmosTarget();
  proxy = await new CosmosProxy({ target: target.url }).start();
}, 60_000);
afterAll(async () => {
  cosmos?.close();
  await proxy?.stop();
  await target?.stop();
});
beforeEach(async () => {
  proxy.fault = undefined;
  cosmos?.close();
  const settings = {
    endpoint: proxy.url,
    key: STANDIN_KEY,
    database: `audit${databases++}`,
    deadlineMs: 2000,
  };
  await provision(settings);
  cosmos = await cosmosFrom(settings);
  records = new CosmosRecords(cosmos, 'audit');
  raw = cosmos.container('audit');
});

function logOn(day: () => string, over: Partial<AuditLogOptions> = {}): AuditLog {
  return new AuditLog({ container: records, key, wallClock: () => at(day()), ...over });
}

async function write(log: AuditLog, count: number, actor = 'operator'): Promise<number[]> {
  const outcomes = await Promise.all(
    Array.from({ length: count }, (_, i) =>
      log.append({
        at: '2026-03-10T12:00:00.000Z',
        actor,
        action: 'transcript.read',
        subjectHash: 'ab12',
        sessionId: `call-${i}`,
        correlationId: `c-${i}`,
        detail: { i, why: 'quality "review"', granted: true },
      }),
    ),
  );
  return outcomes.map((outcome) => (outcome.ok ? outcome.n : 0));
}

const verify = (from = DAY, to = DAY) => verifyAudit(records, key, from, to);

async function readRecord(n: number, day = DAY): Promise<AuditRecord> {
  const { resource } = await raw.item(recordId(day, n), day).read<AuditRecord>();
  if (resource === undefined) throw new Error(`record ${n} is not there`);
  return resource;
}

describe('audit log', () => {
  it('is whole after several workers appended at once, every record once, gathered in few requests', async () => {
    const from = proxy.requests.length;
    const logs = [1, 2, 3, 4].map(() => logOn(() => DAY));
    const places = await Promise.all(logs.map((log, i) => write(log, 150, `worker-${i}`)));
    expect(places.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
    expect(await verify()).toEqual({ ok: true, days: 1, records: 600, findings: [] });
    expect(proxy.requests.length - from).toBeLessThan(200);
    for (const log of logs) expect(await log.stop()).toBe(0);
  });

  it('is whole after throttling, lost answers and a store that goes away', async () => {
    let n = 0;
    const log = logOn(() => DAY, { gatherMs: 1 });
    proxy.fault = (request) => {
      if (request.method !== 'POST' || request.isQuery) return undefined;
      n++;
      if (n % 4 === 1) return { kind: 'lost_reply' };
      if (n % 4 === 2) return { kind: 'throttle', retryAfterMs: 5 };
      return n % 4 === 3 ? { kind: 'status', status: 503 } : undefined;
    };
    for (let round = 0; round < 6; round++)
      expect((await write(log, 20)).every((place) => place > 0)).toBe(true);
    await proxy.die();
    const late = write(log, 30);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await proxy.start();
    await late;
    proxy.fault = undefined;
    expect(await verify()).toEqual({ ok: true, days: 1, records: 150, findings: [] });
    await log.stop();
  });

  it('writes nothing twice when a batch was refused and the answer to one of its records was lost', async () => {
    let n = 0;
    class Faulty extends CosmosRecords {
      override async batch(...args: Parameters<CosmosRecords['batch']>): ReturnType<CosmosRecords['batch']> {
        n++;
        if (n === 1) return { kind: 'refused', code: 'HTTP_400' };
        const outcome = await super.batch(...args);
        return n === 2 ? { kind: 'unknown', code: 'no_answer' } : outcome;
      }
    }
    const log = logOn(() => DAY, { container: new Faulty(cosmos, 'audit') });
    expect((await write(log, 3)).sort()).toEqual([1, 2, 3]);
    expect(n).toBeGreaterThan(2);
    expect(await verify()).toEqual({ ok: true, days: 1, records: 3, findings: [] });
    await log.stop();
  });

  it('finds a changed, a removed and a reordered record', async () => {
    const log = logOn(() => DAY);
    await write(log, 12);
    await log.stop();

    const fifth = await readRecord(5);
    await raw.item(fifth.id, DAY).replace({ ...fifth, actor: 'nobody' });
    expect((await verify()).findings).toEqual([{ kind: 'changed', day: DAY, n: 5 }]);
    await raw.item(fifth.id, DAY).replace(fifth);
    expect((await verify()).ok).toBe(true);

    // Changed with its hash put right: the record after it no longer fits.
    const rehashed = chainRecord({ ...fifth, actor: 'nobody' }, { day: DAY, n: 5, prevHash: fifth.prevHash });
    await raw.item(fifth.id, DAY).replace(rehashed);
    expect((await verify()).findings).toEqual([{ kind: 'changed', day: DAY, n: 6 }]);
    await raw.item(fifth.id, DAY).replace(fifth);

    await raw.item(fifth.id, DAY).delete();
    expect((await verify()).findings).toEqual([{ kind: 'missing', day: DAY, n: 5 }]);
    await raw.items.create(fifth);

    const sixth = await readRecord(6);
    await raw.item(fifth.id, DAY).replace({ ...sixth, id: fifth.id });
    await raw.item(sixth.id, DAY).replace({ ...fifth, id: sixth.id });
    const reordered = (await verify()).findings.filter((finding) => finding.kind === 'reordered');
    expect(reordered.length).toBe(2);
  });

  it('finds the removed last record, a chain written anew, and a forged head', async () => {
    const log = logOn(() => DAY);
    await write(log, 8);
    await log.stop();
    const last = await readRecord(8);
    await raw.item(last.id, DAY).delete();
    expect((await verify()).findings).toEqual([{ kind: 'truncated', day: DAY, expected: 8, found: 7 }]);

    // The head shortened too, without the key.
    const { resource: head } = await raw.item(headId(DAY), DAY).read();
    const seventh = await readRecord(7);
    await raw.item(headId(DAY), DAY).replace({ ...head, count: 7, hash: seventh.hash });
    expect((await verify()).findings).toEqual([{ kind: 'head_forged', day: DAY }]);
    const tampered: string[] = [];
    const next = logOn(() => DAY, { onTampered: (_, what) => tampered.push(what) });
    const lost = write(next, 1);
    expect(await next.stop(200)).toBe(1);
    expect(await lost).toEqual([0]);
    expect(tampered).toContain('head_forged');
    await raw.item(headId(DAY), DAY).replace(head);

    // All of it written anew with good hashes: the head does not fit.
    let prevHash = '';
    for (let n = 1; n <= 8; n++) {
      const place = { day: DAY, n, prevHash };
      const record =
        n === 8 ? chainRecord(last, place) : chainRecord({ ...(await readRecord(n)), actor: 'x' }, place);
      await raw.items.upsert(record);
      prevHash = record.hash;
    }
    expect((await verify()).findings).toEqual([{ kind: 'changed', day: DAY, n: 8 }]);
    await raw.item(headId(DAY), DAY).delete();
    expect((await verify()).findings).toEqual([{ kind: 'head_missing', day: DAY }]);
  });

  it('finds a removed whole day, be it in the middle or the last one', async () => {
    const days = [DAY, dayAfter(DAY), dayAfter(DAY, 4)];
    let today = DAY;
    const log = logOn(() => today);
    for (const day of days) {
      today = day;
      await write(log, 3);
    }
    await log.stop();
    const to = dayAfter(DAY, 6);
    expect(await verify(DAY, to)).toEqual({ ok: true, days: 3, records: 9, findings: [] });
    const removeDay = async (day: string): Promise<void> => {
      for (let n = 1; n <= 3; n++) await raw.item(recordId(day, n), day).delete();
      await raw.item(headId(day), day).delete();
    };
    await removeDay(days[1] ?? '');
    expect((await verify(DAY, to)).findings).toEqual([{ kind: 'day_missing', day: days[1] }]);
    await removeDay(days[2] ?? '');
    expect((await verify(DAY, to)).findings).toContainEqual({ kind: 'day_missing', day: days[2] });
  });

  it('keeps a worker whose clock is behind from writing to a day that has ended', async () => {
    const next = dayAfter(DAY);
    const behind = logOn(() => DAY);
    await write(behind, 2);
    const ahead = logOn(() => next);
    await write(ahead, 2);
    await write(behind, 2);
    expect(await verify(DAY, next)).toEqual({ ok: true, days: 2, records: 6, findings: [] });
    expect((await readRecord(4, next)).day).toBe(next);
    await behind.stop();
    await ahead.stop();
  });

  it('is bounded, and says so', async () => {
    const log = logOn(() => DAY, { maxWaiting: 2, gatherMs: 50 });
    const outcomes = await write(log, 4);
    expect(outcomes.filter((place) => place === 0)).toHaveLength(2);
    await log.stop();
    expect(await write(log, 1)).toEqual([0]);
  });
});
