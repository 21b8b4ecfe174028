/** Documents at the limits, through the archiver and back, with a proxy that refuses what the service would refuse. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { revealTranscript } from '../../src/actors/call-record.js';
import { Archiver } from '../../src/record/archiver.js';
import { EMPTY_TALLY, summaryDocument, tallyTurn } from '../../src/record/closing.js';
import type { TurnDocument } from '../../src/record/documents.js';
import { MAX_DOCUMENT_BYTES, storedBytes } from '../../src/record/parts.js';
import { readTranscript } from '../../src/record/reading.js';
import { verifyComplete } from '../../src/record/verify-complete.js';
import type { Cosmos } from '../../src/stores/cosmos/client.js';
import { CosmosArchive } from '../../src/stores/cosmos/cosmos-archive.js';
import { itemOf } from '../../src/stores/cosmos/envelope.js';
import { turnOf } from '../support/turn-document.js';
import { type CosmosRig, seal, startCosmosRig } from './rig.js';

const TWO_MIB = 2 * 1024 * 1024;

let rig: CosmosRig;
let cosmos: Cosmos;
let archive: CosmosArchive;
beforeAll(async () => {
  rig = await startCosmosRig();
  cosmos = await rig.open();
  archive = new CosmosArchive(cosmos);
}, 60_000);
afterAll(() => rig?.stop());

/** Archives the turns of one session and closes it; answers what came back. */
async function roundTrip(turns: readonly TurnDocument[], sessionId = turns[0]?.sessionId ?? '') {
  const poison: string[] = [];
  const archiver = new Archiver({
    archive,
    onArchived: () => undefined,
    onConflict: (doc) => void poison.push(`conflict ${doc.id}`),
    onPoison: (_doc, code) => void poison.push(code),
  });
  for (const turn of turns) expect(archiver.offer(turn)).toBe(true);
  const tally = turns.reduce(tallyTurn, EMPTY_TALLY);
  archiver.offer(summaryDocument(sessionId, 'i1', tally, { endedAt: '2026-01-05T10:05:00.000Z' }));
  expect(await archiver.drain(60_000)).toBe(true);
  await archiver.stop();
  expect(poison).toEqual([]);
  expect(await verifyComplete(archive, sessionId)).toEqual({ state: 'complete', turns: turns.length });
  return readTranscript(archive, sessionId, (turn) => turn.transcript);
}

/** A turn whose document is exactly so many bytes as it is kept. */
function turnOfBytes(sessionId: string, seq: number, bytes: number, sizeOf: (turn: TurnDocument) => number) {
  const empty = turnOf(sessionId, seq, { transcript: '' });
  return { ...empty, transcript: 'x'.repeat(bytes - sizeOf(empty)) };
}

describe('documents at the limits', () => {
  it('the service takes exactly 2 MiB, and refuses a byte more', async () => {
    const size = (turn: TurnDocument): number => Buffer.byteLength(JSON.stringify(itemOf(turn)));
    const at = turnOfBytes('exact', 1, TWO_MIB, size);
    expect(size(at)).toBe(TWO_MIB);
    expect(await archive.create(at)).toEqual({ kind: 'created' });
    expect(await archive.create(turnOfBytes('exact', 2, TWO_MIB + 1, size))).toEqual({ kind: 'too_large' });
  });

  it('a turn just under, at and over the size of one document comes back as it was', async () => {
    const turns = [-1, 0, 1, 150_000, 250_000, 3_000_000].map((more, index) =>
      turnOfBytes('sizes', index + 1, MAX_DOCUMENT_BYTES + more, storedBytes),
    );
    const mark = rig.proxy.requests.length;
    const back = await roundTrip(turns);
    expect(back?.turns.map(({ text }) => text.length)).toEqual(
      turns.map(({ transcript }) => transcript.length),
    );
    expect(back?.turns.map(({ text }) => text)).toEqual(turns.map(({ transcript }) => transcript));
    const bodies = rig.since(mark).map(({ bodyBytes }) => bodyBytes);
    expect(Math.max(...bodies)).toBeLessThanOrEqual(TWO_MIB);
    const parts = rig.since(mark).filter(({ documentId }) => /-p\d+-/.test(documentId ?? ''));
    // Two whole, three in two parts, one in three.
    expect(parts).toHaveLength(9);
  }, 120_000);

  it('unicode keeps its code points, whole or in parts', async () => {
    const samples = ['😀', 'é', '<b>&"\\', '\u2028\u2029', '\u0000\u001f', 'ẞßſ', '‍👩‍👩‍👧', '漢字'];
    const small = samples.map((text, index) => turnOf('unicode', index + 1, { transcript: text }));
    const large = ['😀', '<b>&"\\', '\u0000\u001f'].map((text, index) =>
      turnOf('unicode', samples.length + index + 1, {
        transcript: text.repeat(Math.ceil(700_000 / text.length)),
      }),
    );
    const back = await roundTrip([...small, ...large]);
    expect(back?.turns.map(({ text }) => text)).toEqual(
      [...small, ...large].map(({ transcript }) => transcript),
    );
  }, 120_000);

  it('sealed words of the largest turn open again', async () => {
    const text = '😀'.repeat(8 * 1024);
    const sealed = seal.protect('turn', 'sealed/t-1', { text });
    const back = await roundTrip([turnOf('sealed', 1, { transcript: sealed })]);
    expect(revealTranscript(seal, 'sealed', 't-1', back?.turns[0]?.text ?? '')).toBe(text);
  });

  it('no turns at all, and ids at their longest, with parts too', async () => {
    expect((await roundTrip([], 'empty'))?.turns).toEqual([]);
    // The longest id of a session is that of a part: `…-1-p1-2x<12 digits>`.
    const longest = 1023 - '-i1-1-p1-2x000000000000'.length;
    const sessionId = 's'.repeat(longest);
    const turn = turnOfBytes(sessionId, 1, MAX_DOCUMENT_BYTES + 1, storedBytes);
    expect((await roundTrip([turn]))?.turns[0]?.text).toBe(turn.transcript);
    expect(await archive.create(turnOf(`${'s'.repeat(1024)}`, 1))).toMatchObject({ kind: 'refused' });
  }, 120_000);
});
