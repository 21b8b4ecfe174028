/** Many calls archived at once against a store that throttles and dies; and what is then held against what was offered. */
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
import { CosmosProxy, type RecordedRequest } from './cosmos-proxy.js';
import { STANDIN_KEY, startCosmosTarget, until } from './cosmos-target.js';
import { startStateSidecar } from './daprd-state.js';
import { turnOf } from './turn-document.js';

const LONG_MS = 600_000;

export interface StormRig {
  readonly proxy: CosmosProxy;
  readonly archive: TranscriptArchive;
  /** Past the proxy. */
  readonly direct: TranscriptArchive;
  stop(): Promise<void>;
}

/** The archive on the project's adapter for either way, with a proxy before the store. */
export async function startStormRig(through: 'cosmos' | 'dapr', keepRequests?: number): Promise<StormRig> {
  const steps: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of steps.splice(0).reverse()) await step();
  };
  try {
    const target = await startCosmosTarget();
    steps.push(() => target.stop());
    const keep = keepRequests === undefined ? {} : { keep: keepRequests };
    const proxy = await new CosmosProxy({ target: target.url, ...keep }).start();
    steps.push(() => proxy.stop());
    const settings = { endpoint: target.url, key: STANDIN_KEY, database: 'rtvoice', deadlineMs: 3000 };
    await provision(settings);
    const connect = async (endpoint: string): Promise<Cosmos> => {
      const cosmos = await cosmosFrom({ ...settings, endpoint });
      steps.push(() => cosmos.close());
      return cosmos;
    };
    const direct = new CosmosArchive(await connect(target.url));
    if (through === 'cosmos')
      return { proxy, direct, stop, archive: new CosmosArchive(await connect(proxy.url)) };
    const sidecar = await startStateSidecar(proxy.url);
    steps.push(() => sidecar.stop());
    const state = new DaprState({ baseUrl: sidecar.url, apiToken: sidecar.apiToken });
    steps.push(() => state.close());
    return { proxy, direct, stop, archive: new DaprArchive({ state, deadlineMs: 5000 }) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Every fifth request, spread without a random source. */
export function oneInFive(): (
  request: RecordedRequest,
) => { kind: 'throttle'; retryAfterMs: number } | undefined {
  let n = 0;
  return () => (n++ % 5 === 3 ? { kind: 'throttle', retryAfterMs: 10 } : undefined);
}

export interface Storm {
  readonly calls: number;
  readonly turns: number;
  /** Share of turns written at which the store dies, and for how long (ms). */
  readonly outages: readonly { readonly at: number; readonly forMs: number }[];
}

export interface StormResult {
  /** Sequence numbers told, by session. */
  readonly told: ReadonlyMap<string, readonly number[]>;
  /** Sessions whose summary was told. */
  readonly closed: ReadonlySet<string>;
  /** Conflicts and documents refused for good. */
  readonly lost: readonly string[];
  readonly ms: number;
  /** From the end of the last outage until nothing waited, ms. */
  readonly afterOutageMs: number;
}

/** Offers all calls at once, as fast as the archiver takes them, and waits until nothing waits. */
export async function runStorm(rig: StormRig, storm: Storm): Promise<StormResult> {
  const told = new Map<string, number[]>();
  const closed = new Set<string>();
  const lost: string[] = [];
  let written = 0;
  const archiver = new Archiver({
    archive: rig.archive,
    maxDocuments: 1500,
    onArchived: (sessionId, seqs, marks) => {
      told.set(sessionId, [...(told.get(sessionId) ?? []), ...seqs]);
      written += seqs.length;
      if (marks.includes('summary')) closed.add(sessionId);
    },
    onConflict: (doc) => void lost.push(`conflict ${doc.id}`),
    onPoison: (doc, code) => void lost.push(`poison ${doc.id} ${code}`),
  });
  const offer = async (doc: ArchiveDocument): Promise<void> => {
    if (!archiver.offer(doc)) await until(async () => archiver.offer(doc), LONG_MS, 'room in the archiver');
  };
  const call = async (n: number): Promise<void> => {
    const session = `call-${n}`;
    let tally = EMPTY_TALLY;
    await offer(headerDocument(session, 'i1', { startedAt: '2026-01-05T10:00:00.000Z' }));
    for (let seq = 1; seq <= storm.turns; seq++) {
      const turn = turnOf(session, seq, { transcript: `1.${'c2VhbGVk'.repeat(60)}.${n}.${seq}` });
      tally = tallyTurn(tally, turn);
      await offer(turn);
    }
    await offer(summaryDocument(session, 'i1', tally, { endedAt: '2026-01-05T10:05:00.000Z' }));
  };
  let backAt = performance.now();
  const outages = async (): Promise<void> => {
    for (const { at, forMs } of storm.outages) {
      const share = `${at * 100} % of the turns`;
      await until(async () => written >= at * storm.calls * storm.turns, LONG_MS, share);
      await rig.proxy.die();
      await new Promise((resolve) => setTimeout(resolve, forMs));
      await rig.proxy.start();
      backAt = performance.now();
    }
  };
  const started = performance.now();
  try {
    await Promise.all([outages(), ...Array.from({ length: storm.calls }, (_, n) => call(n))]);
    if (!(await archiver.drain(LONG_MS))) throw new Error('the archive did not drain');
    const ended = performance.now();
    return { told, closed, lost, ms: ended - started, afterOutageMs: ended - backAt };
  } finally {
    await archiver.stop();
  }
}

/** What does not fit: each turn told once and in order, each transcript verified by its hash, each document made once. */
export async function stormFaults(rig: StormRig, storm: Storm, result: StormResult): Promise<string[]> {
  const faults = [...result.lost];
  if (result.closed.size !== storm.calls) faults.push(`${result.closed.size} of ${storm.calls} summaries`);
  const expected = Array.from({ length: storm.turns }, (_, at) => at + 1).join();
  for (let n = 0; n < storm.calls; n++) {
    const told = (result.told.get(`call-${n}`) ?? []).join();
    if (told !== expected) faults.push(`call-${n} was told ${told}`);
    const verdict = await verifyComplete(rig.direct, `call-${n}`);
    if (verdict.state !== 'complete' || verdict.turns !== storm.turns)
      faults.push(`call-${n} is ${verdict.state}`);
  }
  // On the wire: each document made once, a call's turns in order.
  const made = rig.proxy.documents().filter((request) => request.status === 201);
  const distinct = new Set(made.map((request) => request.documentId));
  if (distinct.size !== made.length) faults.push(`${made.length} creates of ${distinct.size} documents`);
  const last = new Map<string, number>();
  for (const { documentId = '' } of made) {
    const [, session = '', seq = ''] = /^(call-\d+)-(\d+)$/.exec(documentId) ?? [];
    if (seq === '') continue;
    if (Number(seq) <= (last.get(session) ?? 0)) faults.push(`${documentId} came after ${last.get(session)}`);
    last.set(session, Number(seq));
  }
  return faults;
}

/** Requests for documents, and how many of them were answered 429. */
export function throttledShare(rig: StormRig): { readonly requests: number; readonly throttled: number } {
  const documents = rig.proxy.documents();
  const throttled = documents.filter((request) => request.status === 429).length;
  return { requests: documents.length, throttled };
}
