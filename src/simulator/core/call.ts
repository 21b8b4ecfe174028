import { randomBytes, randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { CallbackSender, type ResultInformation } from '../events/callbacks.js';
import { FaultPlan } from '../faults/plan.js';
import { describeLatencies } from '../latency.js';
import type { Recorder } from '../media/recorder.js';
import type { MediaStream } from '../media/stream.js';
import type { TranscriptionStream } from '../media/transcription-stream.js';
import { Chance } from '../random.js';
import { now, tenths } from '../time.js';
import { type Identifier, phone, user } from './identity.js';
import type { MediaActions } from './media-actions.js';
import type { Phone } from './phone.js';
import { CallReport, type CallResult, type Outcome } from './report.js';
import type { CallSetup } from './setup.js';
import type { World } from './world.js';

/** States of ACS's call connection, and ringing before there is one. */
export type CallState = 'ringing' | 'connecting' | 'connected' | 'transferring' | 'disconnected';

/** Somebody in the call, beside the application. */
export interface Participant {
  readonly identifier: Identifier;
  isMuted: boolean;
  isOnHold: boolean;
}

/** One line of the progress stream. */
export type Progress = Readonly<Record<string, unknown>> & { readonly event: string };

/** A real incomingCallContext is several KB. */
const CONTEXT_BYTES = 3000;
const MAX_PROGRESS = 1000;

/** One call: its identity, its state and its parts. What happens to it is in lifecycle.ts. */
export class Call {
  readonly id: string = randomUUID();
  readonly correlationId: string = randomUUID();
  readonly serverCallId: string;
  /** Opaque, and good for this call alone. */
  readonly incomingCallContext: string;
  readonly direction: 'incoming' | 'outgoing';
  readonly world: World;
  readonly setup: CallSetup;
  readonly chance: Chance;
  readonly plan: FaultPlan;
  readonly callbacks: CallbackSender;
  readonly report = new CallReport();
  readonly participants = new Map<string, Participant>();
  /** The other end of the line. */
  readonly caller: Identifier;
  readonly callee: Identifier;
  /** The application's own identity in the call. */
  readonly app: Identifier;
  /** Aborts when the call is answered or over. */
  readonly rings = new AbortController();
  /** Aborts when the call is over: ends all its waits. */
  readonly over = new AbortController();

  state: CallState = 'ringing';
  callbackUri: string | undefined;
  operationContext: string | undefined;
  media: MediaStream | undefined;
  transcription: TranscriptionStream | undefined;
  phone: Phone | undefined;
  actions: MediaActions | undefined;
  recorder: Recorder | undefined;
  outcome: Outcome | undefined;
  endedBy: CallResult['endedBy'];
  detail: string | undefined;
  /** The last callback was posted: the account is final. */
  settled = false;
  /** Participants that receive continuous DTMF events, with the operation's context. */
  readonly continuousDtmf = new Map<string, { context: string | undefined; uri: string | undefined }>();
  #sequenceNumber = 0;
  #toneSequence = 0;
  #requests = 0;
  readonly #listeners = new Set<(progress: Progress) => void>();
  readonly #progress: Progress[] = [];

  constructor(world: World, setup: CallSetup, direction: 'incoming' | 'outgoing', remote?: Identifier) {
    setMaxListeners(0, this.over.signal);
    this.world = world;
    this.setup = setup;
    this.direction = direction;
    this.serverCallId = Buffer.from(`https://conv.invalid/conv/${randomUUID()}?i=0&e=${Date.now()}`).toString(
      'base64url',
    );
    this.incomingCallContext = `eyJ${randomBytes(CONTEXT_BYTES).toString('base64url')}`;
    this.chance = new Chance(setup.seed);
    this.plan = new FaultPlan(setup.faults, this.chance.fork('faults'));
    this.caller = remote ?? phone(setup.from);
    this.callee = phone(setup.to);
    this.app = user(`8:acs:${world.settings.resourceId}_${this.id}`);
    this.callbacks = new CallbackSender({
      subject: {
        callConnectionId: this.id,
        serverCallId: this.serverCallId,
        correlationId: this.correlationId,
      },
      poster: world.poster,
      signer: world.signer,
      plan: this.plan,
      chance: this.chance,
      latency: setup.latencies.event,
      retryScale: world.settings.callbackScale,
      tasks: world.tasks,
      signal: world.signal,
      onPosted: (type) => {
        if (type === 'CallConnected') this.report.connectedPostedAt ??= now();
      },
    });
  }

  get ended(): boolean {
    return this.state === 'disconnected';
  }

  /** Whether mid-call actions are valid. */
  get established(): boolean {
    return this.state === 'connected' || this.state === 'transferring';
  }

  /** Sends a callback with a result, to the operation's own address if it has one. */
  emit(
    type: string,
    data: Readonly<Record<string, unknown>> = {},
    operation: { context?: string | undefined; uri?: string | undefined } = {},
    result: ResultInformation = SUCCESS,
  ): void {
    const uri = operation.uri ?? this.callbackUri;
    // After CallDisconnected nothing more comes.
    if (uri === undefined || this.ended) return;
    this.callbacks.send(uri, type, { resultInformation: result, ...data }, operation.context);
  }

  /** Tells the application who is in the call. */
  emitParticipants(): void {
    this.#sequenceNumber += 1;
    this.emit('ParticipantsUpdated', {
      sequenceNumber: this.#sequenceNumber,
      participants: this.participantList(),
    });
  }

  nextToneSequence(): number {
    this.#toneSequence += 1;
    return this.#toneSequence;
  }

  /** Number of a REST request of this call. */
  nextRequest(): number {
    this.#requests += 1;
    return this.#requests;
  }

  participantList(): Participant[] {
    return [...this.participants.values()];
  }

  addParticipant(identifier: Identifier): Participant {
    const participant = { identifier, isMuted: false, isOnHold: false };
    this.participants.set(identifier.rawId, participant);
    return participant;
  }

  /** ms since the call was placed, in tenths. */
  get ageMs(): number {
    return tenths(now() - this.report.placedAt);
  }

  progress(event: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const line = { event, atMs: this.ageMs, ...fields };
    if (this.#progress.length < MAX_PROGRESS) this.#progress.push(line);
    for (const listener of this.#listeners) listener(line);
  }

  /** Replays what was, then follows; returns the function that ends it. */
  follow(listener: (progress: Progress) => void): () => void {
    for (const line of this.#progress) listener(line);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The account of the call so far, final once it has ended. */
  result(): CallResult {
    const { report, setup } = this;
    const playout = this.media?.playout.figures;
    const end = report.endedAt ?? now();
    const log = this.callbacks.log;
    return {
      callConnectionId: this.id,
      correlationId: this.correlationId,
      turns: [...report.turns].sort((a, b) => a.startedMs - b.startedMs),
      outcome: this.outcome ?? 'cancelled',
      endedBy: this.endedBy,
      detail: this.detail,
      audio: {
        framesSent: report.framesSent,
        framesReceived: report.framesReceived,
        framesPlayed: playout?.played ?? 0,
        framesDiscarded: playout?.discarded ?? 0,
        framesOverflowed: playout?.overflowed ?? 0,
        framesUnsent: report.framesUnsent,
        stopAudio: report.stopAudio,
        gaps: playout?.gaps ?? 0,
        gapMs: (playout?.gapFrames ?? 0) * 20,
      },
      timings: report.timings,
      noReplies: report.noReplies,
      media: { opened: report.mediaOpened, failed: report.mediaFailed, lost: report.mediaLost },
      transcripts: {
        interim: report.interim,
        final: report.finals,
        unsent: report.unsentTranscripts,
        lost: report.transcriptionLost,
      },
      callbacks: {
        sent: log.reduce((sum, record) => sum + record.attempts, 0),
        dropped: log.filter((record) => record.dropped).length,
        refused: log.filter((record) => record.attempts > 0 && (record.status < 200 || record.status > 299))
          .length,
      },
      incomingAttempts: report.incomingAttempts,
      durationMs: tenths(report.connectedAt === undefined ? 0 : end - report.connectedAt),
      seed: setup.seed,
      latency: describeLatencies(setup.latencies),
      faults: setup.faults.text,
    };
  }
}

/** The result of what went well. */
export const SUCCESS: ResultInformation = { code: 200, subCode: 0, message: '' };
