import { afterEach, describe, expect, it } from 'vitest';
import type { TranscriptArchive } from '../../src/record/archive-port.js';
import { Archiver } from '../../src/record/archiver.js';
import { EMPTY_TALLY, headerDocument, summaryDocument, tallyTurn } from '../../src/record/closing.js';
import type { ArchiveDocument } from '../../src/record/documents.js';
import { verifyComplete } from '../../src/record/verify-complete.js';
import { type Cosmos, cosmosFrom } from '../../src/stores/cosmos/client.js';
import { CosmosArchive } from '../../src/stores/cosmos/cosmos-archive.js';
import { DaprArchive } from '../../src/stores/cosmos/dapr-archive.js';
import { provision } from '../../src/stores/cosmos/provision.js';
import { DaprState } from '../../src/stores/dapr-state.js';
import { turnOf } from '../contract/archive/archive-contract.js';
import { CosmosProxy, type RecordedRequest } from '../support/cosmos-proxy.js';
import { STANDIN_KEY, startCosmosTarget, until } from '../support/cosmos-target.js';
import { startStateSidecar } from '../support/daprd-state.js';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

interface Rig {
  readonly proxy: CosmosProxy;
  readonly archive: TranscriptArchive;
  /** Past the proxy. */
  readonly direct: TranscriptArchive;
}

async function startRig(through: 'cosmos' | 'dapr'): Promise<Rig> {
  const target = await startCosmosTarget();
  cleanUp.push(() => target.stop());
  const proxy = await new CosmosProxy({ target: target.url }).start();
  cleanUp.push(() => proxy.stop());
  const settings = { endpoint: target.url, key: STANDIN_KEY, database: 'rtvoice', deadlineMs: 3000 };
  await provision(settings);
  const connect = async (endpoint: string): Promise<Cosmos> => {
    const cosmos = await cosmosFrom({ ...settings, endpoint });
    cleanUp.push(() => cosmos.close());
    return cosmos;
  };
  const direct = new CosmosArchive(await connect(target.url));
  if (through === 'cosmos') return { proxy, direct, archive: new CosmosArchive(await connect(proxy.url)) };
  const sidecar = await startStateSidecar(proxy.url);
  cleanUp.push(() => sidecar.stop());
  const state = new DaprState({ baseUrl: sidecar.url, apiToken: sidecar.apiToken });
  cleanUp.push(() => state.close());
  return { proxy, direct, archive: new DaprArchive({ state, deadlineMs: 5000 }) };
}

/** Every fifth request, spread without a random source. */
function oneInFive(): (request: RecordedRequest) => { kind: 'throttle'; retryAfterMs: number } | undefined {
  let n = 0;
  return () => (n++ % 5 === 3 ? { kind: 'throttle', retryAfterMs: 10 } : undefined);
}

interface Run {
  readonly calls: number;
  readonly turns: number;
  /** Share of turns written at which the store dies, and for how long (ms). */
  readonly outages: readonly { readonly at: number; readonly forMs: number }[];
}

async function archiveAll(rig: Rig, run: Run) {
  const told = new Map<string, number[]>();
  const closed = new Set<string>();
  const lost: string[] = [];
  const archiver = new Archiver({
    archive: rig.archive,
    maxDocuments: 1500,
    onArchived: (sessionId, seqs, marks) => {
      told.set(sessionId, [...(told.get(sessionId) ?? []), ...seqs]);
      if (marks.includes('summary')) closed.add(sessionId);
    },
    onConflict: (doc) => {
      lost.push(`conflict ${doc.id}`);
    },
    onPoison: (doc, code) => {
      lost.push(`poison ${doc.id} ${code}`);
    },
  });
  cleanUp.push(() => archiver.stop());
  const offer = async (doc: ArchiveDocument): Promise<void> => {
    if (!archiver.offer(doc)) await until(async () => archiver.offer(doc), 600_000, 'room in the archiver');
  };
  const call = async (n: number): Promise<void> => {
    const session = `call-${n}`;
    let tally = EMPTY_TALLY;
    await offer(headerDocument(session, 'i1', { startedAt: '2026-01-05T10:00:00.000Z' }));
    for (let seq = 1; seq <= run.turns; seq++) {
      const turn = turnOf(session, seq, { transcript: `1.${'c2VhbGVk'.repeat(60)}.${n}.${seq}` });
      tally = tallyTurn(tally, turn);
      await offer(turn);
    }
    await offer(summaryDocument(session, 'i1', tally, { endedAt: '2026-01-05T10:05:00.000Z' }));
  };
  const written = (): number => [...told.values()].reduce((sum, seqs) => sum + seqs.length, 0);
  let backAt = performance.now();
  const outages = async (): Promise<void> => {
    for (const { at, forMs } of run.outages) {
      await until(async () => written() >= at * run.calls * run.turns, 600_000, `${at * 100} % of the turns`);
      await rig.proxy.die();
      await new Promise((resolve) => setTimeout(resolve, forMs));
      await rig.proxy.start();
      backAt = performance.now();
    }
  };
  const started = performance.now();
  await Promise.all([outages(), ...Array.from({ length: run.calls }, (_, n) => call(n))]);
  expect(await archiver.drain(600_000)).toBe(true);
  const ms = performance.now() - started;
  return { told, closed, lost, ms, afterOutageMs: performance.now() - backAt, archiver };
}

async function check(rig: Rig, run: Run, result: Awaited<ReturnType<typeof archiveAll>>): Promise<void> {
  expect(result.lost).toEqual([]);
  expect(result.closed.size).toBe(run.calls);
  const expected = Array.from({ length: run.turns }, (_, i) => i + 1);
  for (let n = 0; n < run.calls; n++) {
    expect(result.told.get(`call-${n}`)).toEqual(expected);
    expect(await verifyComplete(rig.direct, `call-${n}`)).toEqual({
      state: 'complete',
      turns: run.turns,
    });
  }
  // On the wire: each document made once, a call's turns in order.
  const made = rig.proxy.documents().filter((request) => request.status === 201);
  expect(new Set(made.map((request) => request.documentId)).size).toBe(made.length);
  const seqs = made
    .map((r) => /^(call-\d+)-i1-(\d+)$/.exec(r.documentId ?? ''))
    .filter((match) => match !== null);
  const last = new Map<string, number>();
  for (const [, session = '', seq] of seqs) {
    expect(Number(seq)).toBeGreaterThan(last.get(session) ?? 0);
    last.set(session, Number(seq));
  }
}

/** ARCHIVE_CALLS=1000 for the whole of it: then the store dies twice for 30 s, and it takes some minutes. */
const FULL_CALLS = Number(process.env.ARCHIVE_CALLS || 0);
const OUTAGE_MS = FULL_CALLS > 0 ? 30_000 : 3_000;

function say(through: string, run: Run, rig: Rig, result: Awaited<ReturnType<typeof archiveAll>>): void {
  const away = run.outages.reduce((sum, { forMs }) => sum + forMs, 0);
  const documents = rig.proxy.documents();
  const throttled = documents.filter((request) => request.status === 429).length;
  const share = ((100 * throttled) / documents.length).toFixed(0);
  console.log(
    `${run.calls * run.turns} turns through ${through} in ${Math.round(result.ms)} ms, ${away} ms of it without a store; ` +
      `${throttled} × 429 (${share} % of requests); drained ${Math.round(result.afterOutageMs)} ms after the last outage`,
  );
}

describe('archiver against a store that throttles and dies', () => {
  it('through @azure/cosmos: calls of 30 turns, 20 % of 429, two outages', async () => {
    const rig = await startRig('cosmos');
    rig.proxy.fault = oneInFive();
    const outages = [0.2, 0.6].map((at) => ({ at, forMs: OUTAGE_MS }));
    const run = { calls: FULL_CALLS || 200, turns: 30, outages };
    const result = await archiveAll(rig, run);
    await check(rig, run, result);
    const documents = rig.proxy.documents();
    const throttled = documents.filter((request) => request.status === 429).length;
    expect(throttled / documents.length).toBeGreaterThan(0.18);
    say('@azure/cosmos', run, rig, result);
  }, 900_000);

  it('through Dapr: 20 % of 429, outages', async () => {
    const rig = await startRig('dapr');
    rig.proxy.fault = oneInFive();
    const full = [0.2, 0.6].map((at) => ({ at, forMs: OUTAGE_MS }));
    const run = FULL_CALLS
      ? { calls: FULL_CALLS, turns: 30, outages: full }
      : { calls: 40, turns: 15, outages: [{ at: 0.3, forMs: 2000 }] };
    const result = await archiveAll(rig, run);
    await check(rig, run, result);
    say('Dapr', run, rig, result);
  }, 900_000);

  it('a call of no turns and one of 5,000 are complete', async () => {
    const rig = await startRig('cosmos');
    const empty = await archiveAll(rig, { calls: 1, turns: 0, outages: [] });
    expect(empty.closed.size).toBe(1);
    expect(await verifyComplete(rig.direct, 'call-0')).toEqual({ state: 'complete', turns: 0 });
    expect(await verifyComplete(rig.direct, 'call-none')).toEqual({ state: 'no_summary' });
    const long = new Archiver({
      archive: rig.archive,
      onArchived: () => undefined,
      onConflict: () => undefined,
      onPoison: () => undefined,
    });
    cleanUp.push(() => long.stop());
    let tally = EMPTY_TALLY;
    for (let seq = 1; seq <= 5000; seq++) {
      const turn = turnOf('long', seq);
      tally = tallyTurn(tally, turn);
      expect(long.offer(turn)).toBe(true);
    }
    long.offer(summaryDocument('long', 'i1', tally, { endedAt: '2026-01-05T10:05:00.000Z' }));
    expect(await long.drain(120_000)).toBe(true);
    expect(await verifyComplete(rig.direct, 'long')).toEqual({ state: 'complete', turns: 5000 });
    expect(await rig.archive.tail('long')).toMatchObject({ lastSeq: 5000 });
  }, 240_000);
});
