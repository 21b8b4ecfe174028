/**
 * What ACS says of a call: facts through the inbox and the reducer into the state, what they call for carried out, and
 * ACS asked about what had to come and did not (call-watch.ts).
 */
import type { CallFact } from '../call/events.js';
import { type Missing, PATIENCE } from '../call/expectations.js';
import { Inbox } from '../call/inbox.js';
import { type Effect, reduce } from '../call/reduce.js';
import { type CallState, isOver } from '../call/state.js';
import type { CallControl } from './call-control.js';
import type { CallEnding } from './call-ending.js';
import type { CallMedia } from './call-media.js';
import type { CallMemory } from './call-memory.js';
import type { CallServices } from './call-services.js';
import { CallWatch } from './call-watch.js';
import type { CallWrites } from './call-writes.js';
import type { EventSignal } from './control-messages.js';
import type { Dispatch } from './host.js';

export interface CallEventsParts {
  readonly memory: CallMemory;
  readonly writes: CallWrites;
  readonly control: CallControl;
  readonly media: CallMedia;
  readonly ending: CallEnding;
  readonly services: CallServices;
}

export class CallEvents {
  readonly #parts: CallEventsParts;
  readonly #inbox = new Inbox();
  readonly #watch: CallWatch;

  constructor(parts: CallEventsParts) {
    this.#parts = parts;
    const { memory, services } = parts;
    this.#watch = new CallWatch({
      now: () => services.now(),
      wake: () => services.settleLater(memory.id),
      ask: (missing) => services.askAcs(memory.id, missing),
      patience: { ...PATIENCE, silenceMs: services.silentAfterMs },
    });
  }

  dispose(): void {
    this.#watch.stop();
  }

  /** Facts in any order, some for the second time; `signals`: what the same events say about operations. */
  async take(facts: readonly CallFact[], signals: readonly EventSignal[], dispatch: Dispatch): Promise<void> {
    const { memory, writes, control, services } = this.#parts;
    const admitted = new Set<string>();
    const effects: Effect[] = [];
    const before = memory.state;
    for (const fact of facts) {
      if (!this.#inbox.admit(fact)) continue;
      admitted.add(fact.id);
      services.metrics.event(fact.kind);
      const reduced = reduce(memory.state, fact);
      memory.state = reduced.state;
      effects.push(...reduced.effects);
    }
    // Events that came twice end no second operation.
    const told = control.observe(signals.filter(({ eventId }) => admitted.has(eventId)));
    if (memory.state !== before || told) await writes.fields(dispatch);
    else await writes.learnt(dispatch);
    for (const effect of effects) await this.#carryOut(effect, dispatch);
    if (facts.some(({ kind }) => kind !== 'reconciled')) this.#watch.came();
    this.look();
  }

  /** ACS was asked because something that had to come did not; the call is connected, but its media is missing. */
  stillMissing(missing: Missing): void {
    const { memory, media } = this.#parts;
    if (missing === 'media' && memory.mediaWorker === '' && !isOver(memory.state)) media.missingNow();
  }

  /** A media worker came: what is missing is counted anew. */
  came(): void {
    this.#watch.came();
    this.look();
  }

  /** Whether something that had to come did not. */
  look(): void {
    const { memory, control } = this.#parts;
    const { phase, connectedAtMs } = memory.state;
    const bornAtMs = Number.parseInt(memory.incarnation.slice(0, 12), 16);
    this.#watch.look({
      phase,
      bornAtMs: Number.isFinite(bornAtMs) ? bornAtMs : memory.lastActivityMs,
      ...(connectedAtMs === undefined ? {} : { connectedAtMs }),
      attached: memory.mediaWorker !== '' || !control.wants('media'),
      lastSignAtMs: memory.lastActivityMs,
    });
  }

  async #carryOut(effect: Effect, dispatch: Dispatch): Promise<void> {
    const { memory, ending, media } = this.#parts;
    switch (effect.kind) {
      case 'finish':
        await ending.finish(dispatch);
        return;
      case 'restartMedia':
        // With a media worker attached its socket tells: the event may be the echo of a restart of our own.
        if (memory.mediaWorker === '') media.missingNow();
        return;
      default:
        media.transcriptionBroken();
    }
  }
}

/** What became of the operation that made the call. */
export const fateOf = ({ phase, connectedAtMs }: CallState): 'open' | 'connected' | 'failed' => {
  if (connectedAtMs !== undefined || phase === 'connected') return 'connected';
  return phase === 'connecting' ? 'open' : 'failed';
};
