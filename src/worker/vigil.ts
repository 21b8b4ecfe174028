/**
 * Watching over each other: every worker beats, watches the others' beats, and sees to the calls of one whose beat
 * stands still. Sweeps doubt themselves (design §4 rule 9): without an unbroken contact of its own, a worker declares
 * nobody dead. The same beats renew the lease under which this worker's voices speak (rule 8).
 */
import type { VoiceLease } from '../media/lease.js';
import type { Beat } from '../stores/worker-registry.js';

export interface Registry {
  beat(workerId: string, beat: Beat): Promise<'ok' | 'swept'>;
  enlist(workerId: string): Promise<void>;
  strike(workerId: string): Promise<void>;
  beats(): Promise<ReadonlyMap<string, string | undefined>>;
  mark(workerId: string, lastBeat: string, sweeper: string): Promise<'mine' | 'taken' | 'alive'>;
  affinity(workerId: string): Promise<string[]>;
  forgetAffinity(workerId: string): Promise<void>;
}

export interface VigilHooks {
  beat(): Omit<Beat, 'number'>;
  /** Monotonic ms since when Redis was in touch without a break; undefined while it is not. */
  unbrokenSince(): number | undefined;
  /**
   * A dead worker had this call's audio or (prefix) its transcription. true: the actor knows.
   * @param silentMs since when the worker gave no sign
   */
  orphan(member: string, workerId: string, silentMs: number): Promise<boolean>;
  /** Others took this worker for dead: drop all calls, be somebody new. Returns the new id. */
  swept(): string;
  /** Whether a peer that this worker knows of has a Redis while this one has none; undefined: nobody answers. */
  peersHaveRedis(urls: readonly string[]): Promise<boolean | undefined>;
  /** A dead worker's calls are seen to. */
  sweeping(workerId: string, calls: number, silentMs: number): void;
  count(what: 'lapse' | 'swept' | 'orphans', n: number): void;
}

/** A worker whose beat stands still for so long is taken for dead, ms. */
export const LAPSE_MS = 1_500;
const BEAT_MS = 400;
const WATCH_MS = 250;
const ENLIST_EVERY = 25;
/** An actor that cannot be told is mostly on its way from the same dead worker: asked again soon, for so long, ms. */
const TELL_FIRST_MS = 100;
const TELL_LAST_MS = 400;
const TELL_FOR_MS = 30_000;
/**
 * What a worker that was taken for dead wrote under its old name before it knew, it looks for this long afterwards: its
 * sweeper's claim has lapsed by then, ms.
 */
const FORMER_AFTER_MS = 15_000;

interface Watched {
  readonly beat: string;
  readonly sinceMs: number;
}

export class Vigil {
  readonly #registry: Registry;
  readonly #lease: VoiceLease;
  readonly #hooks: VigilHooks;
  readonly #watched = new Map<string, Watched>();
  readonly #timers: NodeJS.Timeout[] = [];
  #peers: readonly string[] = [];
  #room = false;
  #id: string;
  #number = 0;
  #taken = false;
  #beating = false;
  #watching = false;
  #stopped = false;
  /** Own lives that others took for dead, and when to look after them. */
  readonly #former = new Map<string, { readonly sinceMs: number; dueMs: number }>();
  /** Dead workers whose calls are being told. */
  readonly #sweeps = new Map<string, Promise<void>>();

  constructor(id: string, registry: Registry, lease: VoiceLease, hooks: VigilHooks) {
    this.#id = id;
    this.#registry = registry;
    this.#lease = lease;
    this.#hooks = hooks;
  }

  /** This worker's id in this life. */
  get id(): string {
    return this.#id;
  }

  /** Whether Redis took this worker's last beat: one whose beat failed trusts itself to sweep nobody for a while. */
  get beats(): boolean {
    return this.#taken;
  }

  /** Other workers that beat, as last seen. */
  get others(): number {
    return this.#peers.length;
  }

  /** Whether one of them takes calls. */
  get othersHaveRoom(): boolean {
    return this.#room;
  }

  async start(): Promise<void> {
    await this.#beat();
    this.#timers.push(
      setInterval(() => void this.#beat(), BEAT_MS).unref(),
      setInterval(() => void this.#watch(), WATCH_MS).unref(),
    );
  }

  /** Ends in good order: nobody has to sweep. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#sweeps.values());
    await this.#registry.strike(this.#id).catch(() => undefined);
  }

  async #beat(): Promise<void> {
    if (this.#beating) return;
    this.#beating = true;
    const sentAt = performance.now();
    this.#number += 1;
    try {
      const answer = await this.#registry.beat(this.#id, { ...this.#hooks.beat(), number: this.#number });
      if (answer === 'ok') {
        this.#taken = true;
        this.#lease.renewed(sentAt);
        if (this.#number % ENLIST_EVERY === 1) await this.#registry.enlist(this.#id);
      } else {
        this.#lease.end();
        this.#hooks.count('swept', 1);
        this.#former.set(this.#id, { sinceMs: sentAt, dueMs: sentAt + FORMER_AFTER_MS });
        this.#id = this.#hooks.swept();
        this.#number = 0;
        this.#watched.clear();
      }
    } catch {
      this.#taken = false;
      // Without Redis nobody can take anybody for dead. Only one that is cut off alone must fall silent.
      const others = this.#peers.length === 0 ? false : await this.#hooks.peersHaveRedis(this.#peers);
      if (others === false) this.#lease.renewed(sentAt);
    } finally {
      this.#beating = false;
    }
  }

  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    try {
      const beats = await this.#registry.beats();
      const now = performance.now();
      const peers: Beat[] = [];
      for (const [id, beat] of beats) {
        if (id === this.#id) continue;
        const held = this.#watched.get(id);
        // A key that expired stands for the last beat that was seen.
        const text = beat ?? held?.beat ?? '';
        if (!held || held.beat !== text) this.#watched.set(id, { beat: text, sinceMs: now });
        else if (now - held.sinceMs >= LAPSE_MS && this.#trustsItself(now)) this.#sweep(id, held);
        const peer = readBeat(beat);
        if (peer) peers.push(peer);
      }
      for (const id of this.#watched.keys()) if (!beats.has(id)) this.#watched.delete(id);
      this.#peers = peers.map(({ url }) => url);
      this.#room = peers.some(({ ready }) => ready);
      for (const [id, life] of this.#former) if (now >= life.dueMs) this.#revisit(id, life.sinceMs);
    } catch {
      // Redis is away: what was seen before says nothing about now.
      this.#watched.clear();
    } finally {
      this.#watching = false;
    }
  }

  #trustsItself(now: number): boolean {
    const since = this.#hooks.unbrokenSince();
    return since !== undefined && now - since >= 2 * LAPSE_MS && this.#lease.maySpeak();
  }

  /** Not waited for: one dead worker must not hide another. */
  #sweep(workerId: string, held: Watched): void {
    this.#inBackground(workerId, () => this.#takeOver(workerId, held));
  }

  /** The sweep of an own former life: what came under its name after the first one is nobody else's to see to. */
  #revisit(workerId: string, sinceMs: number): void {
    this.#former.set(workerId, { sinceMs, dueMs: performance.now() + FORMER_AFTER_MS });
    this.#inBackground(workerId, async () => {
      if ((await this.#registry.mark(workerId, '', this.#id)) !== 'mine') return;
      if (await this.#seeTo(workerId, sinceMs)) this.#former.delete(workerId);
    });
  }

  #inBackground(workerId: string, work: () => Promise<void>): void {
    if (this.#stopped || this.#sweeps.has(workerId)) return;
    const sweep = work()
      // Redis went away over it: the beat still stands still, and the worker is swept again.
      .catch(() => undefined)
      .finally(() => this.#sweeps.delete(workerId));
    this.#sweeps.set(workerId, sweep);
  }

  async #takeOver(workerId: string, { beat, sinceMs }: Watched): Promise<void> {
    this.#hooks.count('lapse', 1);
    const verdict = await this.#registry.mark(workerId, beat, this.#id);
    if (verdict === 'alive') return;
    this.#watched.delete(workerId);
    if (verdict === 'taken') return;
    await this.#seeTo(workerId, sinceMs);
  }

  /** Tells the actors of a dead worker's calls, then forgets it. false: not all could be told. */
  async #seeTo(workerId: string, sinceMs: number): Promise<boolean> {
    const members = await this.#registry.affinity(workerId);
    this.#hooks.count('orphans', members.length);
    this.#hooks.sweeping(workerId, members.length, Math.round(performance.now() - sinceMs));
    const told = await Promise.all(members.map((member) => this.#tell(member, workerId, sinceMs)));
    // What could not be told is told again: the mark is this worker's, and the list still names the dead one.
    if (!told.every(Boolean)) return false;
    await this.#registry.forgetAffinity(workerId);
    await this.#registry.strike(workerId);
    return true;
  }

  async #tell(member: string, workerId: string, sinceMs: number): Promise<boolean> {
    const began = performance.now();
    for (let waitMs = TELL_FIRST_MS; !this.#stopped; waitMs = Math.min(TELL_LAST_MS, waitMs * 1.5)) {
      const now = performance.now();
      if (await this.#hooks.orphan(member, workerId, now - sinceMs).catch(() => false)) return true;
      if (now - began > TELL_FOR_MS) return false;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    return false;
  }
}

function readBeat(beat: string | undefined): Beat | undefined {
  if (beat === undefined) return undefined;
  try {
    const read = JSON.parse(beat) as Beat;
    return typeof read.url === 'string' ? read : undefined;
  } catch {
    return undefined;
  }
}
