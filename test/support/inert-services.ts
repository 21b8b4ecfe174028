/** What a call's owner is given where a test does not look at it: services that do nothing, and say yes. */
import { Backlog, type CallServices } from '../../src/actors/call-services.js';

export type InertServices = Omit<
  CallServices,
  'seal' | 'journal' | 'drop' | 'settleLater' | 'wakeWhenBack' | 'newestDispatch'
>;

const done = async (): Promise<void> => undefined;

export function inertServices(): InertServices {
  return {
    migrateLegacy: async () => false,
    now: () => Date.now(),
    contexts: { load: async () => undefined, changed: () => undefined, flush: done },
    turns: { offer: () => true, withdraw: () => undefined },
    closing: {
      completeTranscript: async () => 'complete',
      writeSummary: done,
      updateProfile: done,
      hasEnded: async () => false,
      archivedTurns: async () => [],
    },
    erasures: { isErased: () => false },
    liveIndex: { add: done, remove: done },
    affinity: { release: done },
    reminders: { register: async () => true, unregister: async () => true },
    line: {
      state: async () => 'connected',
      restartMedia: () => undefined,
      restartTranscription: () => undefined,
    },
    control: {
      send: () => new Promise(() => undefined),
      answered: done,
      asked: () => undefined,
      settled: () => undefined,
      held: () => undefined,
    },
    askAcs: () => undefined,
    lookAfter: () => undefined,
    trace: { span: (_name, _parent, _facts, work) => work(), past: () => undefined },
    backlog: new Backlog(),
    metrics: {
      event: () => undefined,
      committed: () => undefined,
      provisional: () => undefined,
      activated: () => undefined,
      ended: () => undefined,
      rule: () => undefined,
    },
    worker: 'test',
    silentAfterMs: 60_000,
  };
}
