/**
 * What an actor type runs on: hides the SDK's traps (facts about Dapr) behind one small base.
 *
 * The SDK's actor object is a shell without state; instances live here. One method at a time per instance, on
 * our own mutex, since the SDK has no lock and a cancelled method keeps running. Each answer is an envelope with 200,
 * since daprd rewrites everything else. A dropped instance is marked, so that a method still running on it finds out
 * after each await (`Instance.stale`).
 */
import { codeOf, type ErrorCode, messageOf, RtvoiceError } from '../errors.js';

/** An actor's state in memory. `methods` names what may be called from outside. */
export interface Instance {
  readonly id: string;
  /** Set when the host dropped it: publish nothing more. */
  stale: boolean;
  /** Let go of timers and waiting work; never touches a store. */
  dispose(): void;
}

export type Method<I extends Instance> = (instance: I, args: unknown, dispatch: Dispatch) => Promise<object>;

/** A call that Dapr routed here. Its number orders it against what the instance found out. */
export interface Dispatch {
  /** 0 for work of the host's own accord; else counts up with each routed call. */
  readonly number: number;
}

export interface HostLog {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

class Mutex {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#tail.then(work, work);
    this.#tail = next.catch(() => undefined);
    return next;
  }
}

interface Slot<I extends Instance> {
  readonly instance: I;
  readonly mutex: Mutex;
}

export class ActorHost<I extends Instance> {
  readonly type: string;
  readonly #create: (id: string) => I;
  readonly #methods: Readonly<Record<string, Method<I>>>;
  readonly #log: HostLog;
  readonly #mayServe: () => boolean;
  readonly #slots = new Map<string, Slot<I>>();
  #dispatched = 0;

  constructor(
    type: string,
    create: (id: string) => I,
    methods: Readonly<Record<string, Method<I>>>,
    log: HostLog,
    /** Whether calls may be served now; asked before each. */
    mayServe: () => boolean = () => true,
  ) {
    this.type = type;
    this.#create = create;
    this.#methods = methods;
    this.#log = log;
    this.#mayServe = mayServe;
  }

  /** Number of instances in memory. */
  get size(): number {
    return this.#slots.size;
  }

  /** Ids of the instances in memory. */
  ids(): string[] {
    return [...this.#slots.keys()];
  }

  /** A call that came through Dapr. Activates the instance when needed; never throws. */
  async dispatch(id: string, method: string, args: unknown): Promise<object> {
    const run = this.#methods[method];
    if (!run) return { ok: false, code: 'RTV_NOT_FOUND' satisfies ErrorCode };
    if (!this.#mayServe()) return { ok: false, code: 'RTV_FENCED_OWNER' satisfies ErrorCode };
    const slot = this.#slot(id);
    this.#dispatched += 1;
    const dispatch = { number: this.#dispatched };
    return this.#run(slot, method, () => run(slot.instance, args, dispatch));
  }

  /** Number of the newest call that Dapr routed here. */
  get newestDispatch(): number {
    return this.#dispatched;
  }

  /** Work of the host's own accord on an instance that is in memory; undefined when it is not. */
  async local(id: string, name: string, work: (instance: I) => Promise<object>): Promise<object | undefined> {
    const slot = this.#slots.get(id);
    return slot ? this.#run(slot, name, () => work(slot.instance)) : undefined;
  }

  /** Forgets an instance: Dapr deactivated it, or it found itself fenced. */
  drop(id: string, instance?: I): void {
    const slot = this.#slots.get(id);
    if (!slot || (instance && slot.instance !== instance)) return;
    this.#slots.delete(id);
    slot.instance.stale = true;
    slot.instance.dispose();
  }

  /** Forgets all instances, after a gap in health probes: others may have been given them meanwhile. */
  dropAll(): number {
    const ids = this.ids();
    for (const id of ids) this.drop(id);
    return ids.length;
  }

  #slot(id: string): Slot<I> {
    const held = this.#slots.get(id);
    if (held) return held;
    const slot = { instance: this.#create(id), mutex: new Mutex() };
    this.#slots.set(id, slot);
    return slot;
  }

  async #run(slot: Slot<I>, method: string, work: () => Promise<object>): Promise<object> {
    try {
      return await slot.mutex.run(async () => {
        if (slot.instance.stale) throw new RtvoiceError('RTV_FENCED_OWNER');
        const answer = await work();
        if (slot.instance.stale) throw new RtvoiceError('RTV_FENCED_OWNER');
        return answer;
      });
    } catch (thrown) {
      const code = thrown instanceof RtvoiceError ? codeOf(thrown) : 'RTV_ACTOR_FAILED';
      const fields = { actorType: this.type, actorId: slot.instance.id, method, code };
      if (code === 'RTV_ACTOR_FAILED')
        this.#log.error({ ...fields, error: messageOf(thrown) }, 'actor method failed');
      return { ok: false, code };
    }
  }
}
