/** This worker among the others: its id in this life, its heartbeat, the calls of the dead, its own fencing. */
import { Agent, request } from 'undici';
import { CALL_ACTOR, type Located, type MediaLostArgs } from '../actors/call-messages.js';
import type { ActorClient } from '../actors/client.js';
import { newNonce } from '../call/incarnation.js';
import { VoiceLease } from '../media/lease.js';
import { TRANSCRIPTION_MEMBER } from '../media/sockets.js';
import type { Logger } from '../ops/log.js';
import type { Metrics } from '../ops/metrics.js';
import type { RedisManager } from '../stores/redis/manager.js';
import { WorkerRegistry } from '../stores/worker-registry.js';
import { LAPSE_MS, Vigil } from './vigil.js';

export interface PresenceParts {
  /** WORKER_ID: stays over restarts; each life adds its own mark. */
  readonly name: string;
  readonly url: string;
  readonly redis: RedisManager;
  readonly actors: ActorClient;
  readonly appApiToken: string | undefined;
  readonly metrics: Metrics;
  readonly log: Logger;
  ready(): boolean;
  calls(): number;
  /** Drops sockets and actors: others have them. */
  dropAll(): void;
}

const PEER_DEADLINE_MS = 400;
/** An actor whose host died with the worker, or stands still, does not answer: asked again rather than waited for, ms. */
const TELL_DEADLINE_MS = 1_000;
/** What was sent ahead is still heard when the lease ends (playout's lead), and clocks drift, ms. */
const LEASE_MARGIN_MS = 300;
const GONE = new Set(['RTV_CALL_UNKNOWN', 'RTV_CALL_ENDED']);

export interface Presence {
  /** Id of this life, for affinity and attachments. */
  id(): string;
  readonly lease: VoiceLease;
  /** Whether Redis takes this worker's beats. */
  beats(): boolean;
  others(): number;
  /** Whether one of the others takes calls. */
  othersHaveRoom(): boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createPresence(parts: PresenceParts): Presence {
  const { actors, metrics, log } = parts;
  const lease = new VoiceLease({ lapseMs: LAPSE_MS, marginMs: LEASE_MARGIN_MS });
  const agent = new Agent({ connections: 2, keepAliveTimeout: 10_000 });
  const newLife = (): string => `${parts.name}.${newNonce()}`;

  const orphan = async (member: string, workerId: string, silentMs: number): Promise<boolean> => {
    if (member.startsWith(TRANSCRIPTION_MEMBER)) {
      const callId = member.slice(TRANSCRIPTION_MEMBER.length);
      const told = await actors.call(CALL_ACTOR, callId, 'transcriptionLost', { workerId }, TELL_DEADLINE_MS);
      return told.ok || GONE.has(told.code);
    }
    const located = await actors.call<Located>(CALL_ACTOR, member, 'locate', {}, TELL_DEADLINE_MS);
    if (!located.ok) return GONE.has(located.code);
    if (located.workerId !== workerId) return true;
    const lost: MediaLostArgs = { workerId, mediaEpoch: located.mediaEpoch, silentMs };
    return (await actors.call(CALL_ACTOR, member, 'mediaLost', lost, TELL_DEADLINE_MS)).ok;
  };

  const hasRedis = async (url: string): Promise<boolean | undefined> => {
    try {
      const response = await request(`${url}/internal/redis`, {
        dispatcher: agent,
        headers: parts.appApiToken ? { 'dapr-api-token': parts.appApiToken } : {},
        signal: AbortSignal.timeout(PEER_DEADLINE_MS),
      });
      await response.body.dump();
      return response.statusCode === 204;
    } catch {
      return undefined;
    }
  };

  const vigil = new Vigil(newLife(), new WorkerRegistry(parts.redis), lease, {
    beat: () => ({ url: parts.url, ready: parts.ready(), calls: parts.calls() }),
    unbrokenSince: () => parts.redis.unbrokenSince(),
    orphan,
    swept: () => {
      log.warn({ code: 'RTV_FENCED_MEDIA' }, 'this worker was taken for dead: dropping its calls');
      parts.dropAll();
      return newLife();
    },
    sweeping: (worker, sockets, silentMs) => log.warn({ worker, sockets, silentMs }, 'taken for dead'),
    peersHaveRedis: async (urls) => {
      const answers = await Promise.all(urls.map(hasRedis));
      if (answers.includes(true)) return true;
      return answers.includes(false) ? false : undefined;
    },
    count: (what, n) => metrics.rules.add(n, { rule: `worker_${what}` }),
  });

  return {
    id: () => vigil.id,
    lease,
    beats: () => vigil.beats,
    others: () => vigil.others,
    othersHaveRoom: () => vigil.othersHaveRoom,
    start: () => vigil.start(),
    async stop() {
      await vigil.stop();
      await agent.close();
    },
  };
}
