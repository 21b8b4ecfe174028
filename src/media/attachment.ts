/**
 * A media worker's hold on one call: its place at the call's actor (incarnation and media epoch), the conversation so
 * far, and the turns that it hands in. Another attachment ends it; then nothing of this one is taken any more.
 */
import type { CallOrigin, Saying } from '../actors/call-messages.js';
import type { TurnOffer } from '../call/turn.js';
import { applyTurn, type ConversationContext, emptyContext } from '../memory/context.js';
import type { CallLink, MediaMetrics, MediaPosition } from './ports.js';
import { TurnSender } from './turn-sender.js';

export interface AttachmentHooks {
  /** Another worker has the call, or it is over: `code` says which. Told at each refusal that says so. */
  lost(code: string): void;
}

/** What another worker left. */
export interface Taken {
  /** What it was saying. */
  readonly saying: Saying | undefined;
  /** For how long the caller has heard nobody, ms. */
  readonly gapMs: number;
  /** The call is on hold. */
  readonly held: boolean;
}

const ATTACH_RETRY_MS = 250;
const DETACH_RETRY_MS = 100;
/** The actor may not have heard it. */
const UNTOLD: ReadonlySet<string> = new Set([
  'RTV_ACTOR_UNREACHABLE',
  'RTV_ACTOR_DEADLINE',
  'RTV_ACTOR_FAILED',
  'RTV_FENCED_OWNER',
]);
const NOWHERE: MediaPosition = { incarnation: '', mediaEpoch: -1 };

export class Attachment {
  readonly #callId: string;
  readonly #link: CallLink;
  readonly #hooks: AttachmentHooks;
  readonly #sender: TurnSender;
  #origin: CallOrigin;
  #position: MediaPosition | undefined;
  #context: ConversationContext = emptyContext();
  #lost = false;

  constructor(
    callId: string,
    origin: CallOrigin,
    services: {
      readonly link: CallLink;
      readonly metrics: Pick<MediaMetrics, 'turnAnswered' | 'turnLost'>;
    },
    hooks: AttachmentHooks,
  ) {
    this.#callId = callId;
    this.#origin = origin;
    this.#link = services.link;
    this.#hooks = hooks;
    this.#sender = new TurnSender({
      send: (turnNo, offer) => services.link.turn(callId, this.#position ?? NOWHERE, turnNo, offer),
      reattach: () => this.#takeAgain(),
      fenced: () => this.#lose('RTV_FENCED_MEDIA'),
      answered: (durable, ms) => services.metrics.turnAnswered(durable, ms),
      lost: (reason) => services.metrics.turnLost(reason),
    });
  }

  get origin(): CallOrigin {
    return this.#origin;
  }

  /** Given away, taken by another worker, or the call is over. */
  get lost(): boolean {
    return this.#lost;
  }

  /** undefined: not attached yet. */
  get position(): MediaPosition | undefined {
    return this.#position;
  }

  get context(): ConversationContext {
    return this.#context;
  }

  /**
   * Takes the call's audio, asking again until the actor answers. Gives what another worker was saying when it died.
   * undefined: no longer wanted, or the call is over (told to `lost`).
   */
  async take(wanted: () => boolean): Promise<Taken | undefined> {
    while (wanted()) {
      const attached = await this.#link.attach(this.#callId, this.#origin, undefined);
      if (attached.ok) {
        this.#position = { incarnation: attached.incarnation, mediaEpoch: attached.mediaEpoch };
        this.#context = attached.context;
        this.#origin = attached.origin;
        return { saying: attached.saying, gapMs: attached.gapMs ?? 0, held: attached.held ?? false };
      }
      if (attached.code === 'RTV_CALL_ENDED' || attached.code === 'RTV_CALL_UNKNOWN') {
        this.#lose(attached.code);
        return undefined;
      }
      await new Promise((resolve) => setTimeout(resolve, ATTACH_RETRY_MS));
    }
    return undefined;
  }

  /** Takes a turn into the conversation and hands it in. Resolves as TurnSender.offer. */
  turn(offer: TurnOffer): Promise<boolean> {
    this.#context = applyTurn(this.#context, { ...offer, seq: 0, mediaEpoch: 0, turnNo: 0 });
    return this.#sender.offer(offer);
  }

  /** Records what is about to be said, so that another worker can go on. */
  async say(saying: Saying): Promise<void> {
    if (this.#position) await this.#link.say(this.#callId, this.#position, saying);
  }

  /**
   * Others have the call by now: what was not handed in is given up. The actor is told all the same: a place that was
   * taken after the others looked is one that nobody else lets go of.
   */
  abandon(): void {
    this.#sender.abandon('fenced');
    this.#lose('RTV_FENCED_MEDIA');
    if (this.#position) void this.#link.detach(this.#callId, this.#position, false);
  }

  /** Hands in what is left, `deadlineMs` at most, and lets go of the call if it still has it. */
  async release(deadlineMs: number, { handOver }: { handOver: boolean }): Promise<void> {
    const until = performance.now() + deadlineMs;
    await this.#sender.close(deadlineMs);
    while (this.#position && !this.#lost) {
      const told = await this.#link.detach(this.#callId, this.#position, handOver);
      this.#lost = told.ok && handOver;
      // An actor that is on its way somewhere else: without its knowledge nobody would take the call.
      if (told.ok || !UNTOLD.has(told.code) || performance.now() > until) return;
      await new Promise((resolve) => setTimeout(resolve, DETACH_RETRY_MS));
    }
  }

  /** The actor lost the session's epoch: take a new one, and send again what it may not have. */
  async #takeAgain(): Promise<boolean> {
    const attached = await this.#link.attach(this.#callId, this.#origin, this.#position);
    if (!attached.ok) {
      if (attached.code === 'RTV_CALL_ENDED') this.#lose(attached.code);
      return false;
    }
    this.#position = { incarnation: attached.incarnation, mediaEpoch: attached.mediaEpoch };
    this.#sender.renumber();
    return true;
  }

  #lose(code: string): void {
    this.#lost = true;
    this.#hooks.lost(code);
  }
}
