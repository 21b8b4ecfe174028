/** The owner's side of a worker: the actors of calls, what they write to, and the permanent record behind them. */
import { sendControl } from '../acs/control-send.js';
import { CALL_ACTOR } from '../actors/call-messages.js';
import { callTrace } from '../ops/tracing.js';
import { CosmosRecords } from '../stores/cosmos/record-container.js';
import { TombstoneStore } from '../stores/tombstones.js';
import { WorkerRegistry } from '../stores/worker-registry.js';
import { createCallHost } from './actors.js';
import { createArchiver, withHeaders } from './archive.js';
import type { Backing } from './backing.js';
import { createCallLine } from './call-line.js';
import type { CallAddresses } from './call-urls.js';
import { createClosing } from './closing.js';
import { createControlAudit } from './control-audit.js';
import { createErasures } from './erasures.js';
import { createHoldLine } from './hold-line.js';
import { createLegacyMigration } from './legacy.js';
import { createRecord } from './record.js';

export type Owner = ReturnType<typeof createOwner>;

export function createOwner(backing: Backing, addresses: CallAddresses) {
  const { redis, seal, actors, acs, archive, metrics, log } = backing;
  const record = createRecord(backing);
  const erasures = createErasures(
    new TombstoneStore(redis, new CosmosRecords(backing.cosmos, 'profiles')),
    log,
  );
  const controlAudit = createControlAudit(record.audit);
  const archiver = createArchiver(archive, record.setAside, () => calls, erasures, metrics, log);
  const line = createCallLine(acs, log, (callId) => {
    const now = Date.now();
    const fact = { kind: 'reconciled', id: `gone-${now}`, atMs: now, found: 'disconnected' };
    void actors.call(CALL_ACTOR, callId, 'event', { facts: [fact], origin: { correlationId: '' } });
  });
  const workers = new WorkerRegistry(redis);
  const calls = createCallHost({
    worker: backing.config.WORKER_ID,
    reminderSeconds: backing.config.CALL_REMINDER_S,
    actors,
    seal,
    journal: backing.journal,
    contexts: backing.contexts,
    migrateLegacy: createLegacyMigration(redis, seal, log),
    turns: withHeaders(archiver),
    closing: createClosing({ redis, archive, transcripts: record.transcripts, seal, actors, erasures }),
    erasures,
    liveIndex: backing.liveIndex,
    affinity: backing.affinity,
    line,
    isBeating: (workerId) => workers.isBeating(workerId),
    unbrokenSince: () => redis.unbrokenSince(),
    sendControl: (callId, request, id, correlationId) =>
      sendControl(acs, request, { callId, id, callbackUri: addresses.of(correlationId).callback }),
    controlAudit,
    held: createHoldLine({
      async post(workerUrl, callId, on) {
        const path = `/internal/calls/${encodeURIComponent(callId)}/hold`;
        const status = await backing.peers.post(workerUrl, path, { on });
        return status === 204 || status === 404;
      },
    }),
    trace: callTrace,
    profiles: record.profiles,
    metrics,
    log,
  });
  redis.onStateChange((state) => {
    if (state === 'up') calls.redisIsBack();
  });
  return { record, controlAudit, archiver, erasures, line, calls };
}
