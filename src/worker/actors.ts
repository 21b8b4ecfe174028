/** The actor side of a worker: hosts, services, and what wakes calls that have work left. */

import { callMethods, hostCallActors } from '../actors/call-actor.js';
import type { ControlLine } from '../actors/call-control.js';
import { CallInstance } from '../actors/call-instance.js';
import { CALL_ACTOR, type MediaLostArgs } from '../actors/call-messages.js';
import { Backlog, type CallServices } from '../actors/call-services.js';
import type { ActorClient } from '../actors/client.js';
import { HealthGap } from '../actors/health-gap.js';
import { ActorHost } from '../actors/host.js';
import type {
  Affinity,
  CallLine,
  CallTrace,
  Closing,
  ContextStore,
  Erasures,
  Journal,
  LiveIndex,
  TurnSink,
} from '../actors/ports.js';
import {
  hostSubjectActors,
  type Profiles,
  SubjectInstance,
  subjectMethods,
} from '../actors/subject-actor.js';
import type { ArchivedTurn } from '../call/ledger.js';
import { messageOf } from '../errors.js';
import type { Logger } from '../ops/log.js';
import type { Metrics } from '../ops/metrics.js';
import type { Seal } from '../privacy/seal.js';
import type { ControlAudit } from './control-audit.js';
import { createLookAfter } from './look-after.js';

export interface ActorParts {
  /** WORKER_ID. */
  readonly worker: string;
  /** Period of a live call's reminder. */
  readonly reminderSeconds: number;
  readonly actors: ActorClient;
  readonly seal: Seal;
  readonly journal: Journal;
  readonly contexts: ContextStore;
  readonly turns: TurnSink;
  readonly closing: Closing;
  readonly erasures: Erasures;
  readonly migrateLegacy: CallServices['migrateLegacy'];
  readonly liveIndex: LiveIndex;
  readonly affinity: Affinity;
  readonly line: CallLine;
  /** Whether a worker, by the id of its life, beats. */
  isBeating(workerId: string): Promise<boolean>;
  /** Monotonic ms since when Redis was in touch without a break; undefined while it is not. */
  unbrokenSince(): number | undefined;
  readonly sendControl: ControlLine['send'];
  /** Tells a call's media worker of hold. */
  readonly held: ControlLine['held'];
  readonly controlAudit: Pick<ControlAudit, 'asked' | 'settled'>;
  readonly trace: CallTrace;
  readonly profiles: Profiles;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Name of the recurring reminder of a live call. */
const REMINDER = 'keep';
/** No sign of life for this long: ask ACS, ms. */
const SILENT_AFTER_MS = 60_000;
const SETTLE_DELAY_MS = 20;

export function createCallHost(parts: ActorParts) {
  const { actors, metrics, log } = parts;
  const backlog = new Backlog();
  /** Calls that wait for Redis. */
  const waiting = new Set<string>();
  const settling = new Set<string>();

  const settleLater = (callId: string): void => {
    if (settling.has(callId)) return;
    settling.add(callId);
    // After the method that asks for it has ended: an actor is never called back from a call that it serves.
    setTimeout(() => {
      settling.delete(callId);
      void actors.call(CALL_ACTOR, callId, 'settle', {});
    }, SETTLE_DELAY_MS).unref();
  };

  const lookAfter = createLookAfter({
    isBeating: parts.isBeating,
    unbrokenSince: parts.unbrokenSince,
    lost: (callId, workerId, mediaEpoch, silentMs) => {
      const lost: MediaLostArgs = { workerId, mediaEpoch, silentMs };
      return actors.call(CALL_ACTOR, callId, 'mediaLost', lost);
    },
  });

  const services: CallServices = {
    now: () => Date.now(),
    worker: parts.worker,
    seal: parts.seal,
    journal: parts.journal,
    contexts: parts.contexts,
    turns: parts.turns,
    closing: parts.closing,
    erasures: parts.erasures,
    migrateLegacy: parts.migrateLegacy,
    liveIndex: parts.liveIndex,
    affinity: parts.affinity,
    reminders: {
      register: (callId) => actors.registerReminder(CALL_ACTOR, callId, REMINDER, parts.reminderSeconds),
      unregister: (callId) => actors.unregisterReminder(CALL_ACTOR, callId, REMINDER),
    },
    line: parts.line,
    control: {
      send: parts.sendControl,
      async answered(callId, id, answer) {
        const here = await host.local(callId, 'operated', (call) =>
          call.operated({ id, answer }, { number: 0 }),
        );
        if (!here) await actors.call(CALL_ACTOR, callId, 'operated', { id, answer });
      },
      asked: (operation) => parts.controlAudit.asked(operation),
      settled(callId, correlationId, outcome) {
        metrics.operations.add(1, { kind: outcome.kind, status: outcome.status });
        parts.controlAudit.settled(callId, correlationId, outcome);
      },
      held: parts.held,
    },
    askAcs: (callId, missing) => {
      const ask = async (): Promise<void> => {
        const found = await parts.line.state(callId);
        // Where the call moved meanwhile, its new owner asks by itself.
        await host.local(callId, 'reconciled', (call) => call.reconciled(found, missing, { number: 0 }));
      };
      ask().catch((thrown: unknown) => log.warn({ callId, error: messageOf(thrown) }, 'not reconciled'));
    },
    lookAfter: (callId, workerId, mediaEpoch) => {
      // Redis is away: nothing is known of anybody.
      lookAfter(callId, workerId, mediaEpoch).catch(() => undefined);
    },
    trace: parts.trace,
    backlog,
    metrics: {
      event: (kind) => metrics.events.add(1, { kind }),
      committed: (ms) => metrics.turnCommit.record(ms),
      provisional: (role) => metrics.provisionalTurns.add(1, { role }),
      activated: (recovered) => metrics.activations.add(1, { recovered: String(recovered) }),
      ended: () => metrics.callsEnded.add(1),
      rule: (rule) => metrics.rules.add(1, { rule }),
    },
    silentAfterMs: SILENT_AFTER_MS,
    drop: (instance) => host.drop(instance.id, instance as CallInstance),
    settleLater,
    wakeWhenBack: (callId) => waiting.add(callId),
    newestDispatch: () => host.newestDispatch,
  };

  const host = new ActorHost<CallInstance>(
    CALL_ACTOR,
    (id) => new CallInstance(id, services),
    callMethods,
    log,
    () => gap.beat(),
  );
  const gap = new HealthGap({
    now: () => performance.now(),
    dropAll: (why) => {
      const dropped = host.dropAll() + subjects.dropAll();
      metrics.rules.add(1, { rule: why });
      log.warn({ why, dropped }, 'held back: all actors are read again');
    },
  });
  const stopBeating = gap.start();
  hostCallActors(host, (callId) => void services.reminders.unregister(callId));
  const subjects = new ActorHost(
    'SubjectActor',
    (id) => new SubjectInstance(id, parts.profiles, parts.erasures),
    subjectMethods,
    log,
  );
  hostSubjectActors(subjects);

  metrics.backlogBytes.addCallback((result) => result.observe(backlog.totalBytes));
  metrics.actors.addCallback((result) => result.observe(host.size));

  return {
    host,
    backlog,
    settleLater,
    /** The sidecar asked for this worker's health. */
    probed: () => gap.probed(),
    close: stopBeating,
    /** Redis answers again: all that waits is written, in order within each call. */
    redisIsBack(): void {
      for (const callId of waiting) settleLater(callId);
      waiting.clear();
    },
    /** Turns whose documents exist: told to the instance here, or to wherever the actor lives. */
    async archived(callId: string, turns: readonly ArchivedTurn[]): Promise<void> {
      const here = await host.local(callId, 'archived', (call) => call.archived(turns, { number: 0 }));
      if (!here) await actors.call(CALL_ACTOR, callId, 'archived', { turns });
    },
    /** Another turn has a number of this call in Cosmos: whoever owns the call by now finds out by itself. */
    async conflict(callId: string): Promise<void> {
      await host.local(callId, 'conflict', (call) => call.conflict({ number: 0 }));
    },
  };
}
