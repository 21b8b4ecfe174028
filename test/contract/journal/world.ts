/**
 * One call in a small world: two workers, a real Redis behind a proxy each, media workers with the real TurnSender, an
 * archive. Steps do to it what the failure table of the design names; at the end everything heals, and what was
 * acknowledged must be in the archive once and in order.
 */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Attached, CallDescription, TurnAnswer, TurnArgs } from '../../../src/actors/call-messages.js';
import type { Answer } from '../../../src/actors/ports.js';
import type { MediaPosition } from '../../../src/media/ports.js';
import { TurnSender } from '../../../src/media/turn-sender.js';
import type { ConversationContext } from '../../../src/memory/context.js';
import { Component } from '../../../src/stores/keys.js';
import { until } from '../../support/redis-servers.js';
import { MemoryArchive } from './archive.js';
import { keys, type Line, Worker } from './host.js';

const TIMING = { patience: 200, firstRetry: 4, lastRetry: 20, recheck: 15, lookAgain: 60 };
/** As a worker's link has it: the method goes on when its caller has given up, ms. */
const DEADLINE_MS = 150;
const HEALED_MS = 15_000;

interface Spoken {
  readonly turnId: string;
  /** A `durable: true` reached the media worker. */
  acknowledged: boolean;
}

/** A media worker: numbers its turns, keeps them until they are archived. */
class Media {
  readonly spoken: Spoken[] = [];
  readonly sender: TurnSender;
  readonly #world: World;
  position: MediaPosition = { incarnation: '', mediaEpoch: -1 };
  lost = 0;
  gone = false;

  constructor(world: World) {
    this.#world = world;
    this.sender = new TurnSender(
      {
        send: (turnNo, offer) => this.#send({ ...this.position, turnNo, offer }),
        reattach: () => this.attach(),
        fenced: () => {
          this.gone = true;
        },
        answered: () => undefined,
        lost: () => {
          this.lost += 1;
        },
      },
      TIMING,
    );
  }

  async attach(): Promise<boolean> {
    const had = this.position.mediaEpoch >= 0 ? { previous: this.position } : {};
    const answer = await this.#world.routed<Attached>('attach', {
      workerId: 'm',
      workerUrl: 'http://m',
      origin: { correlationId: 'c' },
      ...had,
    });
    if (!answer.ok) return false;
    this.position = { incarnation: answer.incarnation, mediaEpoch: answer.mediaEpoch };
    if (had.previous) this.sender.renumber();
    return true;
  }

  say(): void {
    const spoken: Spoken = { turnId: randomUUID(), acknowledged: false };
    this.spoken.push(spoken);
    const now = Date.now();
    void this.sender.offer({
      turnId: spoken.turnId,
      role: this.spoken.length % 2 ? 'user' : 'agent',
      text: `turn ${this.spoken.length}`,
      agent: 'main',
      startedAtMs: now,
      endedAtMs: now,
    });
  }

  async #send(args: TurnArgs): Promise<Answer<TurnAnswer>> {
    this.#world.sent.push(args);
    const answer = await this.#world.routed<TurnAnswer>('turn', args);
    const spoken = this.spoken.find(({ turnId }) => turnId === args.offer.turnId);
    if (spoken && answer.ok && answer.durable) spoken.acknowledged = true;
    return answer;
  }

  /** Its process is killed. */
  kill(): void {
    this.gone = true;
    this.sender.abandon('killed');
  }
}

type Snapshot = Record<'session' | 'history', Buffer | null>;

export class World {
  readonly callId = randomUUID();
  readonly archive = new MemoryArchive();
  readonly contexts = new Map<string, ConversationContext>();
  readonly sent: TurnArgs[] = [];
  readonly medias: Media[] = [];
  readonly workers: Worker[];
  readonly #crashed: Worker[] = [];
  readonly #lines: readonly Line[];
  readonly #redis: Redis;
  #owner = 0;
  trace: ((line: string) => void) | undefined;
  #facts = 0;
  #snapshot: { readonly keys: Snapshot; readonly turns: ReadonlySet<string> } | undefined;

  constructor(lines: readonly Line[], redis: Redis) {
    this.#lines = lines;
    this.#redis = redis;
    this.workers = lines.map((line) => new Worker(this.callId, line, this.archive, this));
  }

  get #media(): Media | undefined {
    return this.medias.findLast((media) => !media.gone);
  }

  #worker(at: number): Worker {
    const worker = this.workers[at % this.workers.length];
    if (!worker) throw new Error('no worker');
    return worker;
  }

  #line(at: number): Line {
    const line = this.#lines[at % this.#lines.length];
    if (!line) throw new Error('no line');
    return line;
  }

  /** A call of the actor where placement says it lives, with a deadline. */
  async routed<T extends object>(method: string, args: object): Promise<Answer<T>> {
    const worker = this.#worker(this.#owner);
    const deadline = new Promise<Answer<T>>((resolve) => {
      setTimeout(() => resolve({ ok: false, code: 'RTV_ACTOR_DEADLINE' }), DEADLINE_MS);
    });
    const answer = worker.host.dispatch(this.callId, method, args) as Promise<Answer<T>>;
    const at = this.#owner;
    void answer.then((a) =>
      this.trace?.(
        `w${at} ${method} ${JSON.stringify(args).slice(0, 230)} -> ${JSON.stringify({ ...a, context: 0 }).slice(0, 460)}`,
      ),
    );
    return Promise.race([answer, deadline]);
  }

  async start(): Promise<void> {
    await this.routed('start', { origin: { correlationId: 'c' } });
    await this.attachNew();
  }

  /** The call's audio comes to another media worker; the one before goes on for a while. */
  async attachNew(): Promise<void> {
    // A media worker without a call is none that could give anything back.
    if (this.#media && !(await this.#survives({ withoutMedia: this.#media }))) return;
    const media = new Media(this);
    if (await media.attach()) this.medias.push(media);
  }

  say(): void {
    this.#media?.say();
  }

  /** An older media worker, which does not know yet that it is one, speaks. */
  sayStale(): void {
    this.medias.find((media) => !media.gone)?.say();
  }

  async event(): Promise<void> {
    this.#facts += 1;
    const sequence = this.#facts;
    const fact = { kind: 'participants', id: randomUUID(), atMs: Date.now(), sequence, count: 2 };
    await this.routed('event', { facts: [fact], origin: { correlationId: 'c' } });
  }

  /** A call that was dispatched to a worker before it lost the actor, and runs only now. */
  async late(at: number, which: number): Promise<void> {
    const args = this.sent[which % Math.max(1, this.sent.length)];
    if (!args) return;
    await this.#worker(at).host.local(this.callId, 'late', async (call) => {
      try {
        return await call.turn(args, { number: 0 });
      } catch {
        return {};
      }
    });
  }

  keep(): Promise<unknown> {
    return this.routed('keep', {});
  }

  /** Placement moves the actor. `clean`: the old host is told. */
  async move(clean: boolean): Promise<void> {
    const [from, to] = [this.#owner, 1 - this.#owner];
    if (!(await this.#survives({ without: from }))) return;
    this.#owner = to;
    if (clean) this.#worker(from).deactivate();
  }

  /** A worker is killed: its instance and what its archiver had are gone. */
  async crash(at: number): Promise<void> {
    if (!(await this.#survives({ without: at }))) return;
    this.#crashed.push(this.#worker(at));
    this.#worker(at).crash();
    this.workers[at] = new Worker(this.callId, this.#line(at), this.archive, this);
  }

  async killMedia(): Promise<void> {
    const media = this.#media;
    if (!media || !(await this.#survives({ withoutMedia: media }))) return;
    media.kill();
  }

  async archiveSome(at: number, count: number, mute: boolean): Promise<void> {
    await this.#worker(at).archiver.run(count, mute);
  }

  fault(at: number, what: 'dropReplies' | 'hang' | 'pass' | 'cut' | 'deliverAndCut' | 'loseOne'): void {
    const { proxy } = this.#line(at);
    if (what === 'cut' || what === 'deliverAndCut') proxy.cut(what === 'deliverAndCut');
    else if (what === 'loseOne') proxy.dropNextReply();
    else proxy.set({ kind: what });
  }

  async takeSnapshot(): Promise<void> {
    // First what it holds for sure: a turn may be written between the two.
    const turns = await this.#inRedis();
    const [session, history] = await Promise.all(this.#keys.map((key) => this.#redis.dumpBuffer(key)));
    this.#snapshot = { keys: { session: session ?? null, history: history ?? null }, turns };
  }

  /** Fail-over to a replica that was behind, or a restore of a backup. */
  async goBack(): Promise<void> {
    if (!this.#snapshot || !(await this.#survives({ inRedis: this.#snapshot.turns }))) return;
    const { session, history } = this.#snapshot.keys;
    const [sessionKey = '', historyKey = ''] = this.#keys;
    const restored = this.#redis.multi().del(...this.#keys);
    if (session) restored.restore(sessionKey, 60_000, session, 'REPLACE');
    if (history) restored.restore(historyKey, 60_000, history, 'REPLACE');
    await restored.exec();
  }

  /** `session`: its TTL is the shorter one. `all`: FLUSHDB, or everything expired. */
  async lose(what: 'session' | 'all'): Promise<void> {
    const inRedis = what === 'all' ? new Set<string>() : await this.#inRedis();
    if (!(await this.#survives({ inRedis }))) return;
    await this.#redis.del(...(what === 'all' ? this.#keys : this.#keys.slice(0, 1)));
    if (what === 'all') this.contexts.clear();
  }

  async pause(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** Everything works again; waits until nothing is left to do. */
  async heal(): Promise<void> {
    for (const { proxy } of this.#lines) proxy.set({ kind: 'pass' });
    await until('Redis', () => this.#lines.every(({ redis }) => redis.state === 'up'));
    await until(
      'nothing is left to do',
      async () => {
        const settled = await this.routed<{ waiting: number }>('settle', {});
        await this.keep();
        for (const worker of this.workers) await worker.archiver.run(1_000);
        const call = await this.routed<CallDescription>('describe', {});
        const said = this.#media === undefined || this.#media.sender.held.length === 0;
        if (!settled.ok || !call.ok) return said && !call.ok && call.code === 'RTV_CALL_UNKNOWN';
        const idle = this.workers.every(({ archiver }) => archiver.waiting === 0);
        // Without an owner's epoch the session was not read.
        return said && idle && settled.waiting === 0 && call.ownerEpoch > 0 && call.archived === call.turns;
      },
      HEALED_MS,
    );
  }

  /** Which rules of state did their work. */
  rules(): string[] {
    return [...this.workers, ...this.#crashed].flatMap(({ rules }) => rules);
  }

  close(): void {
    for (const media of this.medias) media.sender.abandon('end');
    for (const worker of this.workers) worker.crash();
  }

  get #keys(): readonly string[] {
    return [
      keys.callKey(this.callId, Component.SESSION),
      keys.conversationKey(this.callId, Component.HISTORY),
    ];
  }

  async #inRedis(): Promise<Set<string>> {
    const all = await this.#redis.hgetall(this.#keys[1] ?? '');
    const payloads = Object.entries(all).filter(([field]) => field !== 'inc');
    return new Set(payloads.map(([, payload]) => (JSON.parse(payload) as { id: string }).id));
  }

  /**
   * Whether, with something gone, each acknowledged turn is still archived, or in Redis, its owner or its media worker:
   * more is not promised.
   */
  async #survives(loss: {
    inRedis?: ReadonlySet<string>;
    without?: number;
    withoutMedia?: Media;
  }): Promise<boolean> {
    const inRedis = loss.inRedis ?? (await this.#inRedis());
    const owner = loss.without === this.#owner ? undefined : this.#worker(this.#owner).held;
    return this.medias.every((media) => {
      const kept = new Set(media === this.#media && media !== loss.withoutMedia ? media.sender.held : []);
      return media.spoken.every(
        ({ turnId, acknowledged }) =>
          !acknowledged ||
          this.archive.has(turnId) ||
          inRedis.has(turnId) ||
          kept.has(turnId) ||
          owner?.has(turnId),
      );
    });
  }
}
