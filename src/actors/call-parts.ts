/** The parts of one call at its owner, put together. All of them work on the one memory; none keeps the call's state. */
import { CallAlignment } from './call-alignment.js';
import { CallControl } from './call-control.js';
import { CallEnding } from './call-ending.js';
import { CallEvents } from './call-events.js';
import { CallLoading } from './call-loading.js';
import { CallMedia } from './call-media.js';
import { CallMemory } from './call-memory.js';
import { CallReminder } from './call-reminder.js';
import type { CallServices } from './call-services.js';
import { CallTurns } from './call-turns.js';
import { CallWrites } from './call-writes.js';
import { wholeFields } from './session-fields.js';
import { SessionWriter } from './session-writer.js';

export type CallParts = ReturnType<typeof callParts>;

/** @param fenced another instance has the call: this one must go */
export function callParts(id: string, services: CallServices, fenced: () => void) {
  const memory = new CallMemory(id, services.now());
  const control = new CallControl(id, {
    line: services.control,
    now: () => services.now(),
    wake: () => services.settleLater(id),
    correlationId: () => memory.origin.correlationId,
    workerUrl: () => memory.workerUrl,
  });
  const writer = new SessionWriter(id, services.journal, memory.ledger, {
    fields: () => {
      memory.originLearnt = false;
      return wholeFields(memory, { ...control.kept, ...media.kept }, services.seal);
    },
    fenced,
    doubt: () => services.settleLater(id),
    adopt: (seen, entries) => alignment.adopt(seen, entries),
    newestDispatch: () => services.newestDispatch(),
    count: (what) => services.metrics.rule(what),
  });
  const writes = new CallWrites(memory, writer, services);
  const alignment = new CallAlignment(memory, writes, services);
  const turns = new CallTurns(memory, writes, services);
  const reminder = new CallReminder(id, services.reminders);
  const ending = new CallEnding(memory, writes, reminder, services);
  const streams = control.guard(services.line);
  const media: CallMedia = new CallMedia({
    ...{ memory, writes, alignment, ending, streams, services },
    held: () => control.held,
  });
  const events = new CallEvents({ memory, writes, control, media, ending, services });
  const loading = new CallLoading({
    ...{ memory, writer, alignment, control, services },
    mediaMissing: (sinceMs) => media.missing(sinceMs),
    loaded() {
      if (memory.state.phase !== 'ended') {
        reminder.register();
        writes.offerAll();
      }
      turns.replay();
    },
  });
  return { memory, loading, events, control, media, turns, writes, alignment, ending };
}
