import { newIncarnation } from '../call/incarnation.js';
import type { Role } from '../call/turn.js';
import { codeOf, RtvoiceError } from '../errors.js';
import type { Seal } from '../privacy/seal.js';
import type { Environment } from '../stores/keys.js';
import type { RedisManager } from '../stores/redis/manager.js';
import { Authentication, type AuthenticationDetails } from './authentication.js';
import type { ContextLine } from './context.js';
import { defaultSeal } from './default-seal.js';
import { MemoryError, type MemoryProblem } from './errors.js';
import { migrateLegacy } from './legacy-migration.js';
import type { MemoManagerOptions, MemoOptions, Remembered } from './memo-options.js';
import { MemoState } from './memo-state.js';
import { MemorySession } from './memory-session.js';
import { type ContextChanges, contextView, patchOf } from './patches.js';

/**
 * The memory of one conversation: context, window of turns, whole history, authentication. Methods run one after
 * another. A manager whose session was written by somebody else since it was loaded is stale: its writes end with
 * RTV_FENCED_OWNER and it must be loaded again.
 */
export class MemoManager {
  readonly sessionId: string;
  readonly environment: Environment | undefined;
  readonly #options: MemoOptions;
  readonly #problems: MemoryProblem[] = [];
  readonly #authentication: Authentication;
  readonly #state: MemoState;
  #sealed: Seal | undefined;
  #stale = false;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: MemoManagerOptions = {}) {
    this.#options = options;
    this.sessionId = options.sessionId || newIncarnation(this.#now());
    this.environment = options.environment ?? options.redis?.keyManager.environment;
    this.#authentication = new Authentication(options.monotonic ?? (() => performance.now()), () =>
      this.#now(),
    );
    this.#state = new MemoState(this.sessionId, options.activeAgent, {
      seal: () => this.#seal,
      problem: (problem) => this.#problem(problem),
    });
    if (options.redis) this.#attach(options.redis);
  }

  /**
   * Loads a conversation, after moving what the Python system stored of it. One that is not there begins empty; a
   * damaged context is set aside and rebuilt from the journal.
   * @throws RtvoiceError RTV_REDIS_UNAVAILABLE, RTV_REDIS_REFUSED: then nothing is known of it
   */
  static async fromRedis(
    sessionId: string | undefined,
    redis: RedisManager,
    options: MemoOptions = {},
  ): Promise<MemoManager> {
    const memo = new MemoManager({ ...options, sessionId, redis });
    await memo.#load(redis);
    return memo;
  }

  get activeAgent(): string {
    return this.#state.context.activeAgent;
  }

  get systemPrompt(): string | undefined {
    return this.#state.context.systemPrompt;
  }

  get slots(): Readonly<Record<string, unknown>> {
    return this.#state.context.slots;
  }

  get toolOutputs(): Readonly<Record<string, unknown>> {
    return this.#state.context.toolOutputs;
  }

  /** The last turns, at most WINDOW_TURNS, oldest first. */
  get window(): readonly ContextLine[] {
    return this.#state.context.window;
  }

  /** Whether the caller is authenticated now: as stored, until it expires. Never of a stale manager. */
  get isAuthenticated(): boolean {
    return !this.#stale && this.#authentication.valid;
  }

  /** Somebody else wrote since: load again. */
  get stale(): boolean {
    return this.#stale;
  }

  /** What of the stored could not be used. */
  get problems(): readonly MemoryProblem[] {
    return this.#problems;
  }

  /** All that the agents know, or one thing of it. `authenticated` answers as `isAuthenticated`. */
  getContext(): Readonly<Record<string, unknown>>;
  getContext(key: string): unknown;
  getContext(key?: string): unknown {
    const view = contextView(this.#state.context, this.isAuthenticated);
    return key === undefined ? Object.fromEntries(view) : view.get(key);
  }

  /**
   * Changes the context: `activeAgent`, `systemPrompt`, `slots`, `toolOutputs` (also in Python's spelling), any other
   * name is a value of its own. null removes.
   * @throws MemoryError RTV_MEMORY_TOO_LARGE, RTV_MEMORY_VALUE_REFUSED; RtvoiceError RTV_FENCED_OWNER, RTV_CALL_ENDED
   */
  async updateContext(changes: ContextChanges): Promise<Remembered> {
    const patch = patchOf(changes);
    return this.#serial(async () => {
      this.#state.change(patch);
      return { durable: await this.#durably(() => this.#state.flush('changes')) };
    });
  }

  getSlot(name: string): unknown {
    return Object.hasOwn(this.slots, name) ? this.slots[name] : undefined;
  }

  setSlot(name: string, value: unknown): Promise<Remembered> {
    return this.updateContext({ slots: Object.fromEntries([[name, value]]) });
  }

  removeSlot(name: string): Promise<Remembered> {
    return this.setSlot(name, null);
  }

  getToolOutput(tool: string): unknown {
    return Object.hasOwn(this.toolOutputs, tool) ? this.toolOutputs[tool] : undefined;
  }

  setToolOutput(tool: string, output: unknown): Promise<Remembered> {
    return this.updateContext({ toolOutputs: Object.fromEntries([[tool, output]]) });
  }

  setSystemPrompt(prompt: string | null): Promise<Remembered> {
    return this.updateContext({ systemPrompt: prompt });
  }

  /**
   * Adds what was said, as a committed turn of the journal. `assistant` is taken for `agent`.
   * @param agent who spoke or listened; the active one by default
   * @returns its number in the conversation, final once durable
   * @throws RtvoiceError RTV_TURN_INVALID, RTV_BACKLOG_FULL, RTV_FENCED_OWNER, RTV_CALL_ENDED
   */
  appendToHistory(
    role: Role | 'assistant',
    text: string,
    agent?: string,
  ): Promise<Remembered & { readonly seq: number }> {
    const atMs = this.#now();
    return this.#serial(async () => {
      const said = {
        role: role === 'assistant' ? 'agent' : role,
        text,
        agent: agent ?? this.activeAgent,
      } as const;
      const seq = this.#state.append(said, atMs);
      return { seq, durable: await this.#durably(() => this.#state.flush('turns')) };
    });
  }

  /** What was said, from the first turn on; with `agent`, what was said with that one. */
  getHistory(agent?: string): Promise<ContextLine[]> {
    return this.#serial(async () => {
      const lines = await this.#state.history();
      return agent === undefined ? lines : lines.filter((line) => line.agent === agent);
    });
  }

  /**
   * Writes all that waits, then the snapshot. `redis` for a conversation that was in memory alone.
   * @throws RtvoiceError RTV_REDIS_UNAVAILABLE, RTV_REDIS_REFUSED, RTV_FENCED_OWNER (the session exists), RTV_CALL_ENDED
   */
  persist(redis?: RedisManager): Promise<void> {
    return this.#serial(async () => {
      if (redis && !this.#state.session) this.#attach(redis);
      if (!this.#state.session) throw new RtvoiceError('RTV_REDIS_UNAVAILABLE', 'no Redis was given');
      await this.#guarded(() => this.#state.flush('all'));
    });
  }

  /**
   * The caller proved who it is: true until the authentication state expires.
   * @throws RtvoiceError RTV_REDIS_UNAVAILABLE (nobody is authenticated in memory alone), RTV_FENCED_OWNER, …
   */
  setAuthenticated(details: AuthenticationDetails = {}): Promise<void> {
    return this.#serial(async () => {
      const { session } = this.#state;
      if (!session) throw new RtvoiceError('RTV_REDIS_UNAVAILABLE', 'no Redis was given');
      await this.#guarded(() => this.#authentication.grant(session, this.#seal, this.sessionId, details));
    });
  }

  /** Ends the authentication at once, here even if Redis is away. */
  clearAuthentication(): Promise<void> {
    this.#authentication.forget();
    return this.#serial(async () => {
      this.#authentication.forget();
      await this.#state.session?.removeAuth();
    });
  }

  async #load(redis: RedisManager): Promise<void> {
    const options = { now: this.#options.now, onProblem: (problem: MemoryProblem) => this.#problem(problem) };
    await migrateLegacy(redis, redis.keyManager, this.#seal, this.sessionId, options);
    const auth = await this.#state.load();
    if (!this.#authentication.load(this.#seal, this.sessionId, auth)) {
      this.#problem({ code: 'RTV_RECORD_UNREADABLE', what: 'auth' });
    }
  }

  #attach(redis: RedisManager): void {
    const { environment } = redis.keyManager;
    if (this.environment !== undefined && this.environment !== environment) {
      throw new MemoryError('RTV_MEMORY_ENVIRONMENT_DIFFERS', `Redis keys are those of ${environment}`);
    }
    this.#state.session = new MemorySession(this.sessionId, redis, { now: () => this.#now() });
  }

  /** True once done; false while Redis is away or was not given. */
  async #durably(work: () => Promise<void>): Promise<boolean> {
    if (!this.#state.session) return false;
    try {
      await this.#guarded(work);
      return true;
    } catch (thrown) {
      const code = codeOf(thrown);
      if (code === 'RTV_REDIS_UNAVAILABLE' || code === 'RTV_REDIS_REFUSED') return false;
      throw thrown;
    }
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    if (this.#stale) throw new RtvoiceError('RTV_FENCED_OWNER');
    try {
      await work();
    } catch (thrown) {
      if (codeOf(thrown) === 'RTV_FENCED_OWNER') this.#stale = true;
      throw thrown;
    }
  }

  #serial<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(work, work);
    this.#queue = next.catch(() => undefined);
    return next;
  }

  #problem(problem: MemoryProblem): void {
    if (this.#problems.length < 100) this.#problems.push(problem);
    this.#options.onProblem?.(problem);
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }

  get #seal(): Seal {
    this.#sealed ??= this.#options.seal ?? defaultSeal();
    return this.#sealed;
  }
}
