/**
 * From acknowledgement to archive: how long until a turn can be read in Cosmos DB, how many turns a second the running
 * stack archives, and what a call costs there. The store is the local stand-in: its latency is part of the figures.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { callCharge } from '../../src/record/cost.js';
import {
  type ArchiveDocument,
  headerDocumentId,
  summaryDocumentId,
  turnDocumentId,
} from '../../src/record/documents.js';
import { storedBytes } from '../../src/record/parts.js';
import { type Cosmos, cosmosFrom } from '../../src/stores/cosmos/client.js';
import { CosmosArchive } from '../../src/stores/cosmos/cosmos-archive.js';
import { itemOf } from '../../src/stores/cosmos/envelope.js';
import { eventually, type StackView, startTestStack } from '../support/stack.js';
import { type BenchCall, CommitLoad } from './commit-load.js';
import { type Bench, type BenchContext, type BenchResult, figure, series } from './frame.js';

const TURNS_A_CALL = 30;
/** A call speaks a turn about every three seconds. */
const PACE_MS = 3_000;
/** Pause between two reads of one document, ms: what the measure is exact to. */
const READ_AGAIN_MS = 2;
const READABLE_WITHIN_MS = 30_000;

export const bench: Bench = {
  name: 'archive',
  description: 'turn acknowledged until readable in Cosmos DB, archive throughput, request units of a call',
  options: {
    calls: { default: 60, help: 'calls at once while latency is measured, a turn each 3 s' },
    turns: { default: 30, help: 'turns of each of them' },
    burst: { default: 100, help: 'calls of 30 turns for throughput, as fast as they are acknowledged' },
    workers: { default: 2, help: 'workers, each with a sidecar' },
  },
  run,
};

async function run({ say, options, signal }: BenchContext): Promise<BenchResult> {
  const { calls = 1, turns = 1, burst = 1, workers = 1 } = options;
  const system = await startTestStack({ workers, say, signal });
  const load = new CommitLoad(system.view);
  const cosmos = await openCosmos(system.view);
  try {
    const archive = new CosmosArchive(cosmos);
    const watcher = new Watcher(archive, signal);
    say('warming up');
    const warm = await load.attach(4);
    await measure(warm, { turns: 5, paceMs: 200 }, watcher, signal);
    say(`latency: ${calls} calls at once, ${turns} turns each, one in ${PACE_MS} ms`);
    const talking = await load.attach(calls);
    const latencies = await measure(talking, { turns, paceMs: PACE_MS }, watcher, signal);
    say(`throughput: ${burst} calls of ${TURNS_A_CALL} turns`);
    const hurried = await load.attach(burst);
    const perSecond = await throughput(hurried, watcher, signal);
    say('closing the calls');
    const all = [...warm, ...talking, ...hurried];
    await Promise.all(all.map((call) => call.end()));
    const [first] = hurried;
    if (!first) throw new Error('no call to look at');
    const charge = await chargeOf(first, archive, cosmos);
    await eventually('every call has its summary', () => allClosed(all, archive), 120_000, 500);
    const closed = await system.view.metric('rtvoice_transcripts_closed_total');
    return {
      config: { calls, turns, burst, turnsOfACall: TURNS_A_CALL, paceMs: PACE_MS, workers },
      rows: [
        series('ack_to_readable', 'ms', latencies),
        figure('turns_per_second', '1/s', perSecond),
        figure('ru_per_30_turn_call', 'RU, computed', charge.archive),
        figure('ru_per_turn', 'RU, computed', charge.perTurn),
        figure('ru_per_30_turn_call_with_closing', 'RU, computed', charge.total),
        figure('transcripts_closed', 'count', closed),
      ],
      notMeasured: [
        'Request units are computed from the documented charges and the sizes of documents that were archived; the stand-in charges nothing, and indexed paths come on top.',
        'ack_to_readable is against the local stand-in on the same machine, not against Azure; it ends with the answer to the first read that finds the document.',
        'turns_per_second is limited by whichever is slowest here: commits, archiver, sidecar or stand-in, all on the same cores as the load itself.',
      ],
    };
  } finally {
    await load.close();
    cosmos.close();
    await system.remove();
  }
}

function openCosmos(view: StackView): Promise<Cosmos> {
  const { endpoint } = view.info.cosmos;
  return cosmosFrom({ endpoint, key: view.secrets.cosmosKey, database: 'rtvoice' });
}

/** Reads a turn's document again and again until it is there. */
class Watcher {
  readonly #archive: CosmosArchive;
  readonly #signal: AbortSignal;

  constructor(archive: CosmosArchive, signal: AbortSignal) {
    this.#archive = archive;
    this.#signal = signal;
  }

  async readable(call: BenchCall): Promise<void> {
    const { seq } = call.position;
    const id = turnDocumentId(call.id, seq);
    const deadline = performance.now() + READABLE_WITHIN_MS;
    while ((await this.#archive.read(call.id, id)).kind !== 'found') {
      this.#signal.throwIfAborted();
      if (performance.now() > deadline)
        throw new Error(`a turn was not readable in ${READABLE_WITHIN_MS} ms`);
      await sleep(READ_AGAIN_MS);
    }
  }
}

/** ms from each turn's acknowledgement until its document can be read. Calls begin spread over one pace. */
async function measure(
  calls: readonly BenchCall[],
  { turns, paceMs }: { readonly turns: number; readonly paceMs: number },
  watcher: Watcher,
  signal: AbortSignal,
): Promise<number[]> {
  const begin = performance.now();
  const samples: number[] = [];
  await Promise.all(
    calls.map(async (call, at) => {
      for (let turn = 0; turn < turns; turn++) {
        const due = begin + (at * paceMs) / calls.length + turn * paceMs;
        await sleep(Math.max(0, due - performance.now()), undefined, { signal });
        await call.turn();
        const acknowledged = performance.now();
        await watcher.readable(call);
        samples.push(performance.now() - acknowledged);
      }
    }),
  );
  return samples;
}

/** Turns a second, from the first offer until the last document of every call can be read. */
async function throughput(
  calls: readonly BenchCall[],
  watcher: Watcher,
  signal: AbortSignal,
): Promise<number> {
  const started = performance.now();
  await Promise.all(
    calls.map(async (call) => {
      for (let turn = 0; turn < TURNS_A_CALL; turn++) {
        signal.throwIfAborted();
        await call.turn();
      }
      // A call's documents are created in order: the last one there means all.
      await watcher.readable(call);
    }),
  );
  return (calls.length * TURNS_A_CALL * 1000) / (performance.now() - started);
}

/** What the documents of one archived call cost, by their sizes as they are kept. */
async function chargeOf(call: BenchCall, archive: CosmosArchive, cosmos: Cosmos) {
  const documentOf = async (id: string): Promise<ArchiveDocument> =>
    eventually(`the document ${id.slice(-10)}`, async () => {
      const read = await archive.read(call.id, id);
      return read.kind === 'found' ? read.doc : undefined;
    });
  const bytesOf = async (id: string): Promise<number> => storedBytes(itemOf(await documentOf(id)));
  const ids = Array.from({ length: TURNS_A_CALL }, (_, index) => turnDocumentId(call.id, index + 1));
  const analytics = await eventually('the analytics of a call', () => analyticsOf(call, cosmos));
  return callCharge({
    turns: await Promise.all(ids.map(bytesOf)),
    header: await bytesOf(headerDocumentId(call.id)),
    summary: await bytesOf(summaryDocumentId(call.id)),
    analytics: storedBytes(analytics),
    // These calls have no caller; a profile with its 200 sessions has about this size.
    profile: 10 * 1024,
  });
}

async function analyticsOf(call: BenchCall, cosmos: Cosmos): Promise<object | undefined> {
  const id = `${call.id}-${call.position.incarnation}`;
  // Around midnight it may be either day.
  const days = [0, 86_400_000].map((ago) => new Date(Date.now() - ago).toISOString().slice(0, 10));
  for (const day of days) {
    const { resource } = await cosmos.container('analytics').item(id, day).read<Record<string, unknown>>();
    if (resource) return resource;
  }
  return undefined;
}

async function allClosed(calls: readonly BenchCall[], archive: CosmosArchive): Promise<boolean> {
  for (const call of calls) {
    const id = summaryDocumentId(call.id);
    if ((await archive.read(call.id, id)).kind !== 'found') return false;
  }
  return true;
}
