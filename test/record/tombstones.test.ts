/** Tombstones of erased callers in both tiers (rule of state 11), and what an archiver and a caller's actor make of them. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ActorClient } from '../../src/actors/client.js';
import type { CallSummary } from '../../src/actors/ports.js';
import { SubjectInstance } from '../../src/actors/subject-actor.js';
import { newIncarnation } from '../../src/call/incarnation.js';
import { ANSWER_HOLDS_MS } from '../../src/privacy/tombstone.js';
import { Archiver } from '../../src/record/archiver.js';
import type { ArchiveDocument } from '../../src/record/documents.js';
import { type Cosmos, cosmosFrom } from '../../src/stores/cosmos/client.js';
import { CosmosArchive } from '../../src/stores/cosmos/cosmos-archive.js';
import { provision } from '../../src/stores/cosmos/provision.js';
import { CosmosRecords } from '../../src/stores/cosmos/record-container.js';
import { Component } from '../../src/stores/keys.js';
import type { RedisManager } from '../../src/stores/redis/manager.js';
import { TombstoneStore } from '../../src/stores/tombstones.js';
import { createClosing } from '../../src/worker/closing.js';
import { createErasures } from '../../src/worker/erasures.js';
import { openRedis, seal } from '../contract/memory/support.js';
import { type CosmosTarget, STANDIN_KEY, startCosmosTarget } from '../support/cosmos-target.js';
import { type RedisServer, startRedis, until } from '../support/redis-servers.js';
import { turnOf } from '../support/turn-document.js';

/** Called by nothing that is tested here. */
const nobody: ActorClient = {
  call: async () => ({ ok: false, code: 'RTV_ACTOR_UNREACHABLE' }),
  registerReminder: async () => false,
  unregisterReminder: async () => false,
  close: async () => undefined,
};

let target: CosmosTarget;
let cosmos: Cosmos;
let server: RedisServer;
let redis: RedisManager;
let store: TombstoneStore;
const silent = { error: () => undefined, warn: () => undefined } as unknown as Parameters<
  typeof createErasures
>[1];
const before = newIncarnation(Date.now() - 60_000);
const later = newIncarnation(Date.now() + 60_000);

beforeAll(async () => {
  target = await startCosmosTarget();
  server = await startRedis();
  redis = await openRedis(server);
  const settings = { endpoint: target.url, key: STANDIN_KEY, database: 'erased', deadlineMs: 3_000 };
  await provision(settings);
  cosmos = await cosmosFrom(settings);
  store = new TombstoneStore(redis, new CosmosRecords(cosmos, 'profiles'));
}, 60_000);
afterAll(async () => {
  await redis.close();
  await server.stop();
  cosmos.close();
  await target.stop();
});
beforeEach(async () => {
  await server.cli('flushall');
});

let subjects = 0;
const newSubject = (): string => `subject-${++subjects}`;
const raise = (subjectId: string): Promise<number> => store.raise({ subjectId, erasedAtMs: Date.now() });

describe('a tombstone', () => {
  it('stands in both tiers; raised twice, the later time counts; it has a TTL in Redis and none in Cosmos DB', async () => {
    const subjectId = newSubject();
    // No answer that was given before it holds any more once what depends on it may go.
    expect(await raise(subjectId)).toBeGreaterThan(ANSWER_HOLDS_MS);
    const at = Date.now() + 5;
    await store.raise({ subjectId, erasedAtMs: at });
    await store.raise({ subjectId, erasedAtMs: at - 1_000 });
    expect(await store.read(subjectId)).toEqual({ subjectId, erasedAtMs: at });
    expect(await store.since(0)).toEqual([{ subjectId, erasedAtMs: at }]);
    expect(Number(await server.cli('ttl', redis.keyManager.systemKey('subjects', 'erased')))).toBeGreaterThan(
      0,
    );
    expect(await store.read('nobody')).toBeUndefined();
  });

  it('is seen by a running worker without being asked for, and comes back into a Redis that lost it', async () => {
    const subjectId = newSubject();
    const erasures = createErasures(store, silent);
    erasures.start();
    try {
      expect(erasures.isErased(subjectId, before)).toBe(false);
      await raise(subjectId);
      await until('it is seen', () => erasures.isErased(subjectId, before));
      expect(erasures.isErased(subjectId, later)).toBe(false);
    } finally {
      erasures.stop();
    }
    await server.cli('flushall');
    expect(await createErasures(store, silent).check(subjectId, before)).toBe(true);
    expect((await store.since(0)).map((stone) => stone.subjectId)).toEqual([subjectId]);
  });
});

describe('the archiver', () => {
  const archiving = (erased?: (subjectId: string, incarnation: string) => Promise<boolean>) => {
    const written: ArchiveDocument[] = [];
    const told: number[] = [];
    const archiver = new Archiver({
      archive: {
        create: async (document) => {
          written.push(document);
          return { kind: 'created' };
        },
        read: async () => ({ kind: 'absent' }),
        tail: async () => ({ kind: 'tail', lastSeq: 0 }),
        range: async () => ({ kind: 'range', turns: [] }),
      },
      onArchived: (_session, seqs) => void told.push(...seqs),
      onConflict: () => undefined,
      onPoison: () => undefined,
      ...(erased ? { erased } : {}),
    });
    return { archiver, written, told };
  };

  it('writes nothing of an erased caller, and lets the owner forget it; a call that began later is written', async () => {
    const subjectId = newSubject();
    await raise(subjectId);
    const erasures = createErasures(store, silent);
    const { archiver, written, told } = archiving((subject, incarnation) =>
      erasures.check(subject, incarnation),
    );
    archiver.offer(turnOf('old', 1, { incarnation: before }), subjectId);
    archiver.offer(turnOf('new', 2, { incarnation: later }), subjectId);
    expect(await archiver.drain(5_000)).toBe(true);
    await archiver.stop();
    expect(written.map(({ sessionId }) => sessionId)).toEqual(['new']);
    expect(told.sort()).toEqual([1, 2]);
  });

  it('waits while Cosmos DB cannot say, and then heeds what it says', async () => {
    const [free, erased] = [newSubject(), newSubject()];
    await raise(erased);
    let away = true;
    const erasures = createErasures(
      {
        since: (from) => store.since(from),
        spread: (stone) => store.spread(stone),
        read: async (subjectId) => {
          if (away) throw new Error('no answer');
          return store.read(subjectId);
        },
      },
      silent,
    );
    const { archiver, written } = archiving((subject, incarnation) => erasures.check(subject, incarnation));
    archiver.offer(turnOf('free', 1, { incarnation: before }), free);
    archiver.offer(turnOf('erased', 1, { incarnation: before }), erased);
    expect(await archiver.drain(200)).toBe(false);
    expect(written).toEqual([]);
    away = false;
    expect(await archiver.drain(10_000)).toBe(true);
    await archiver.stop();
    expect(written.map(({ sessionId }) => sessionId)).toEqual(['free']);
  });
});

describe('the closing of a call', () => {
  it('of an erased caller closes no transcript, and leaves a summary that names nobody', async () => {
    const subjectId = newSubject();
    await raise(subjectId);
    const closed: string[] = [];
    const closing = createClosing({
      redis,
      seal,
      archive: new CosmosArchive(cosmos),
      transcripts: {
        complete: async ({ incarnation }) => {
          closed.push(incarnation);
          return 'complete';
        },
      },
      actors: nobody,
      erasures: createErasures(store, silent),
    });
    const kept: unknown[] = [];
    for (const incarnation of [before, later]) {
      const callConnectionId = `call of ${incarnation}`;
      const call = { callConnectionId, incarnation, correlationId: 'c', subjectId, remembered: 'likes tea' };
      const summary = { ...call, turns: 1, outcome: 'completed' };
      const transcript = await closing.completeTranscript(summary);
      await closing.writeSummary({ ...summary, transcript });
      const found = await redis.getJson(redis.keyManager.callKey(callConnectionId, Component.SUMMARY));
      const { sealed } = found as { sealed: string };
      const { remembered, subjectId: names } = seal.reveal(
        'summary',
        callConnectionId,
        sealed,
      ) as CallSummary;
      kept.push([transcript, names, remembered]);
    }
    expect(closed).toEqual([later]);
    expect(kept).toEqual([
      ['erased', undefined, undefined],
      ['complete', subjectId, 'likes tea'],
    ]);
  });
});

describe('the actor of a caller', () => {
  it('does not bring the profile of an erased one back', async () => {
    const subjectId = newSubject();
    await raise(subjectId);
    const recorded: string[] = [];
    const profiles = {
      recordCall: async (_: string, { incarnation }: { incarnation: string }) =>
        void recorded.push(incarnation),
    };
    const subject = new SubjectInstance(subjectId, profiles, createErasures(store, silent));
    const call = { callConnectionId: 'c', correlationId: 'c', turns: 1, outcome: 'completed' };
    await subject.record({ ...call, incarnation: before });
    await subject.record({ ...call, incarnation: later });
    expect(recorded).toEqual([later]);
  });
});
