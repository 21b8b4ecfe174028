/** A worker's actor side: the real instance, writer and journal on a Redis behind a fault proxy. */
import { randomBytes } from 'node:crypto';
import { callMethods } from '../../../src/actors/call-actor.js';
import { CallInstance } from '../../../src/actors/call-instance.js';
import type { CallServices } from '../../../src/actors/call-services.js';
import { ActorHost } from '../../../src/actors/host.js';
import { JournalFailure } from '../../../src/actors/ports.js';
import type { ConversationContext } from '../../../src/memory/context.js';
import { localSeal } from '../../../src/privacy/seal.js';
import { createJournal } from '../../../src/stores/journal.js';
import { RedisKeyManager } from '../../../src/stores/keys.js';
import { RedisManager } from '../../../src/stores/redis/manager.js';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy.js';
import { inertServices } from '../../support/inert-services.js';
import type { RedisServer } from '../../support/redis-servers.js';
import { type MemoryArchive, WorkerArchiver } from './archive.js';

export const keys = new RedisKeyManager({ environment: 'test', ttlMultiplier: 1 });
const seal = localSeal(randomBytes(32));

/** Short, so that faults cost little time; a false time-out is only one more fault. */
const REDIS = { deadlineMs: 60, stallMs: 120, probeMs: 100, connectTimeoutMs: 200, breakerThreshold: 10_000 };

export interface Line {
  readonly proxy: FaultProxy;
  readonly redis: RedisManager;
  close(): Promise<void>;
}

/** A worker's way to Redis; it serves many cases. */
export async function openLine(server: RedisServer): Promise<Line> {
  const proxy = await startFaultProxy(server);
  const redis = new RedisManager({
    keys,
    redis: { mode: 'plain', host: proxy.host, port: proxy.port, ...REDIS },
  });
  if (!(await redis.start({ waitMs: 5_000 }))) throw new Error('no connection');
  return {
    proxy,
    redis,
    async close() {
      await redis.close();
      await proxy.close();
    },
  };
}

export interface WorldHooks {
  /** A call of the actor where placement says it is. */
  routed(method: string, args: object): Promise<unknown>;
  readonly contexts: Map<string, ConversationContext>;
  /** Callers who were erased. */
  readonly erased?: ReadonlySet<string>;
}

/** One life of a worker. A crash is another one. */
export class Worker {
  readonly host: ActorHost<CallInstance>;
  readonly archiver: WorkerArchiver;
  /** Unarchived turns that the instance in memory holds, by id: it offers each one that it commits or reads. */
  held = new Set<string>();
  readonly rules: string[] = [];
  readonly #callId: string;
  #dead = false;

  constructor(callId: string, line: Line, archive: MemoryArchive, world: WorldHooks) {
    this.#callId = callId;
    this.archiver = new WorkerArchiver(archive, {
      archived: async (turns) => {
        const work = (call: CallInstance) => call.archived(turns, { number: 0 });
        const here = await this.host.local(callId, 'archived', work);
        if (!here) await world.routed('archived', { turns });
      },
      conflict: async () => {
        await this.host.local(callId, 'conflict', (call) => call.conflict({ number: 0 }));
      },
    });
    let settling = false;
    const settleLater = (): void => {
      if (settling || this.#dead) return;
      settling = true;
      setTimeout(() => {
        settling = false;
        if (!this.#dead) void world.routed('settle', {});
      }, 5);
    };
    const inert = inertServices();
    const services: CallServices = {
      ...inert,
      seal,
      journal: createJournal(line.redis, keys),
      contexts: {
        load: async (id) => world.contexts.get(id),
        changed: (id, context) => void world.contexts.set(id, context),
        flush: async () => undefined,
      },
      turns: {
        offer: (document) => {
          if (this.#dead) return false;
          this.held.add(document.turnId);
          return this.archiver.offer(document);
        },
        withdraw: () => this.archiver.withdraw(),
      },
      closing: { ...inert.closing, archivedTurns: async () => archive.turns() },
      erasures: {
        isErased: (subjectId) => subjectId !== undefined && (world.erased?.has(subjectId) ?? false),
      },
      liveIndex: {
        add: async () => {
          if (line.redis.state !== 'up') throw new JournalFailure('unavailable', 'away');
        },
        remove: async () => undefined,
      },
      metrics: { ...inert.metrics, rule: (rule) => this.rules.push(rule) },
      drop: (instance) => {
        this.held = new Set();
        this.host.drop(instance.id, instance as CallInstance);
      },
      settleLater,
      wakeWhenBack: settleLater,
      newestDispatch: () => this.host.newestDispatch,
    };
    this.host = new ActorHost('CallActor', (id) => new CallInstance(id, services), callMethods, {
      error: (fields, message) => {
        throw new Error(`${message} ${JSON.stringify(fields)}`);
      },
      warn: () => undefined,
    });
  }

  /** Dapr deactivates the actor here. */
  deactivate(): void {
    this.held = new Set();
    this.host.drop(this.#callId);
  }

  /** The process is killed. */
  crash(): void {
    this.#dead = true;
    this.deactivate();
  }
}
