/**
 * Who has the audio of a call. A media worker attaches, hands the call over, lets go, or is found dead; while nobody
 * has it and the call lives, ACS is asked to open its sockets again (media-watch.ts).
 */
import { newIncarnation } from '../call/incarnation.js';
import { isOver } from '../call/state.js';
import { RtvoiceError } from '../errors.js';
import type { CallAlignment } from './call-alignment.js';
import type { CallEnding } from './call-ending.js';
import type { CallMemory } from './call-memory.js';
import type {
  AttachArgs,
  Attached,
  DetachArgs,
  MediaLostArgs,
  TranscribingArgs,
  TranscriptionLostArgs,
} from './call-messages.js';
import type { CallServices } from './call-services.js';
import type { CallWrites } from './call-writes.js';
import type { Dispatch } from './host.js';
import { MediaWatch } from './media-watch.js';
import type { CallLine } from './ports.js';
import { TranscriptionWatch } from './transcription-watch.js';

/** A socket that closes is mostly the call's end, whose event follows at once, ms. */
const END_MAY_COME_MS = 400;

export interface CallMediaParts {
  readonly memory: CallMemory;
  readonly writes: CallWrites;
  readonly alignment: CallAlignment;
  readonly ending: CallEnding;
  /** Requests to ACS, as far as operations of call control leave them to us. */
  readonly streams: Pick<CallLine, 'restartMedia' | 'restartTranscription'>;
  readonly services: CallServices;
  /** Whether the call is on hold. */
  held(): boolean;
}

export class CallMedia {
  readonly #parts: CallMediaParts;
  readonly #watch: MediaWatch;
  readonly #transcription: TranscriptionWatch;
  /** The media worker gave the call away in good order: its socket is still open. */
  #handingOver = false;

  constructor(parts: CallMediaParts) {
    this.#parts = parts;
    const { memory, services, streams } = parts;
    this.#watch = new MediaWatch({
      restart: () => {
        services.metrics.rule('media_restart');
        streams.restartMedia(memory.id, this.#handingOver ? 'active' : 'perhaps');
        this.#handingOver = false;
      },
      wake: () => services.settleLater(memory.id),
      now: () => services.now(),
    });
    this.#transcription = new TranscriptionWatch({
      restart: (stream) => {
        services.metrics.rule('transcription_restart');
        streams.restartTranscription(memory.id, stream);
      },
      wake: () => services.settleLater(memory.id),
      now: () => services.now(),
    });
  }

  dispose(): void {
    this.#watch.settled();
    this.#transcription.stop();
  }

  /** Asks ACS again when it is time to. */
  step(): void {
    this.#watch.step();
    this.#transcription.step();
  }

  /** Whoever should have the audio: does it live? A worker that died unnoticed is found out in this way. */
  look(): void {
    const { memory, services } = this.#parts;
    if (memory.mediaWorker !== '')
      services.lookAfter(memory.id, memory.mediaWorker, memory.ledger.mediaEpoch);
  }

  /** What of it belongs into the session. */
  get kept(): { readonly mediaLostAtMs?: number } {
    const { sinceMs } = this.#watch;
    return sinceMs === undefined ? {} : { mediaLostAtMs: sinceMs };
  }

  /** The call should have a media worker and has none. @param sinceMs since when, where that is known */
  missing(sinceMs?: number): void {
    this.#watch.lost(END_MAY_COME_MS, sinceMs);
  }

  /** As `missing`, with no end of the call on its way: ACS is asked now. */
  missingNow(): void {
    this.#watch.lost(0);
    this.#watch.step();
  }

  /** Redis is away and nothing is known of the call: it starts in memory, and the worker attaches again later. */
  attachProvisionally({ previous, workerId, workerUrl }: AttachArgs): { ok: true } & Attached {
    const { memory, services } = this.#parts;
    // It has a place in the call already, and keeps it until Redis answers.
    if (previous && previous.mediaEpoch > 0) throw new RtvoiceError('RTV_REDIS_UNAVAILABLE');
    memory.mediaWorker = workerId;
    memory.workerUrl = workerUrl;
    const place = memory.letInProvisionally(newIncarnation(services.now()));
    const { context, origin } = memory;
    return { ok: true, ...place, provisional: true, context, origin };
  }

  /** A new media epoch, by a fenced write before the answer. @throws RTV_CALL_ENDED */
  async attach(
    { previous, workerId, workerUrl }: AttachArgs,
    dispatch: Dispatch,
  ): Promise<{ ok: true } & Attached> {
    const { memory, writes, alignment, services } = this.#parts;
    if (memory.state.phase === 'ended') throw new RtvoiceError('RTV_CALL_ENDED');
    if (previous && previous.mediaEpoch > 0 && previous.incarnation !== memory.incarnation) {
      await alignment.withCosmos();
      services.metrics.rule('lineage_joined');
    }
    memory.mediaWorker = workerId;
    memory.workerUrl = workerUrl;
    const { gapMs } = this.#watch;
    this.#watch.settled();
    memory.ledger.openEpoch(Math.max(memory.ledger.mediaEpoch, previous?.mediaEpoch ?? 0) + 1);
    await writes.fields(dispatch);
    const { incarnation, ledger, context, origin, saying } = memory;
    return {
      ok: true,
      incarnation,
      mediaEpoch: ledger.mediaEpoch,
      provisional: false,
      context,
      origin,
      ...(saying ? { saying } : {}),
      ...(this.#parts.held() ? { held: true } : {}),
      gapMs,
    };
  }

  /** The media worker let go of the call, with all its turns handed in. */
  async detach(args: DetachArgs, dispatch: Dispatch): Promise<object> {
    const { incarnation, ledger } = this.#parts.memory;
    if (args.incarnation !== incarnation || args.mediaEpoch !== ledger.mediaEpoch) return { ok: true };
    this.#handingOver = args.handOver ?? false;
    await this.#letGo(this.#handingOver ? 0 : END_MAY_COME_MS, dispatch);
    return { ok: true };
  }

  /** Another worker found the media worker dead. Ignored when another one has the call by now. */
  async workerLost(args: MediaLostArgs, dispatch: Dispatch): Promise<object> {
    const { memory, services } = this.#parts;
    const same = args.workerId === memory.mediaWorker && args.mediaEpoch === memory.ledger.mediaEpoch;
    if (!same || isOver(memory.state)) return { ok: true, restarted: false };
    services.metrics.rule('media_lost');
    await this.#letGo(0, dispatch, args.silentMs);
    return { ok: true, restarted: true };
  }

  /** A worker has the call's transcription socket. */
  transcribing(at: TranscribingArgs): void {
    this.#transcription.opened(at);
  }

  /** The worker that had the transcription socket lost it, gives it away, or is dead. */
  transcriptionLost(args: TranscriptionLostArgs): void {
    if (!isOver(this.#parts.memory.state)) this.#transcription.lost(args);
  }

  /** ACS says that the transcription ended. */
  transcriptionBroken(): void {
    this.#transcription.broken();
  }

  /** No media worker has the call from here on: ask ACS to open its sockets again, unless the call is over. */
  async #letGo(graceMs: number, dispatch: Dispatch, silentMs = 0): Promise<void> {
    const { memory, writes, ending, services } = this.#parts;
    memory.mediaWorker = '';
    memory.workerUrl = '';
    const over = isOver(memory.state);
    if (!over) this.#watch.lost(graceMs, services.now() - silentMs);
    await writes.fields(dispatch);
    if (over) {
      await ending.finish(dispatch);
      return;
    }
    if (graceMs === 0) this.#watch.step();
  }
}
