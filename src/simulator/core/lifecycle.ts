import { messageOf, SimError } from '../errors.js';
import type { ResultInformation } from '../events/callbacks.js';
import { deliverWithRetries, incomingCallBody } from '../events/event-grid.js';
import type { MediaRate } from '../media/messages.js';
import { type MediaStreamingOptions, rateOf, type TranscriptionOptions } from '../media/options.js';
import { MediaStream } from '../media/stream.js';
import { TranscriptionStream } from '../media/transcription-stream.js';
import { now, sleep } from '../time.js';
import { Call } from './call.js';
import type { Identifier } from './identity.js';
import { MediaActions } from './media-actions.js';
import { Phone } from './phone.js';
import type { CallResult, Outcome } from './report.js';
import type { CallSetup } from './setup.js';
import type { World } from './world.js';

const NORMAL_END: ResultInformation = { code: 200, subCode: 0, message: 'The conversation has ended.' };

/** What answerCall and createCall ask for. */
export interface AnswerRequest {
  readonly callbackUri: string;
  readonly operationContext?: string | undefined;
  readonly mediaStreamingOptions?: MediaStreamingOptions | undefined;
  readonly transcriptionOptions?: TranscriptionOptions | undefined;
}

/** A caller dials: the call rings until it is answered, refused or given up. Throws SimError. */
export async function placeCall(world: World, setup: CallSetup): Promise<Call> {
  if (setup.incomingUrl === undefined) {
    throw new SimError(
      'RTV_SIM_NO_INCOMING_URL',
      'no incoming URL: give one at start (--incoming-url) or with the call',
    );
  }
  admit(world);
  // Speech is made before it rings, so that no synthesis delays a turn.
  await utterances(world, setup, 16000);
  const call = new Call(world, setup, 'incoming');
  admit(world);
  world.registry.add(call);
  world.stats.callsPlaced += 1;
  call.progress('ringing', { callConnectionId: call.id, seed: setup.seed });
  const target = {
    url: setup.incomingUrl,
    headers: world.settings.incomingHeaders,
    topic: `/subscriptions/simulator/providers/Microsoft.Communication/CommunicationServices/${world.settings.resourceId}`,
  };
  world.tasks.start('ring', () => ring(call, target));
  return call;
}

async function ring(call: Call, target: Parameters<typeof incomingCallBody>[0]): Promise<void> {
  const { world, setup } = call;
  const body = incomingCallBody(target, {
    to: call.callee,
    from: call.caller,
    serverCallId: call.serverCallId,
    callerDisplayName: setup.callerName,
    incomingCallContext: call.incomingCallContext,
    correlationId: call.correlationId,
    ...(setup.customContext === undefined ? {} : { customContext: setup.customContext }),
  });
  world.tasks.start('ring limit', async () => {
    if (await sleep(setup.ringMs, call.rings.signal)) endCall(call, 'unanswered', 'caller');
  });
  const fate = call.plan.event('IncomingCall');
  if (fate.dropped) return;
  if (!(await sleep(fate.heldMs, call.rings.signal))) return;
  if (fate.againAfterMs !== undefined) {
    const waitMs = fate.againAfterMs;
    world.tasks.start('ring again', async () => {
      // A second delivery may come when the call was answered long ago.
      if (await sleep(waitMs, call.over.signal))
        await world.poster.send(target.url, body, duplicateHeaders(target));
    });
  }
  const last = await deliverWithRetries(world.poster, target, body, {
    scale: world.settings.eventGridScale,
    // An answer does not break the delivery that is under way: it would look like a failure to the application.
    signal: call.over.signal,
    onAttempt: (attempt) => {
      call.report.incomingAttempts = attempt;
      call.report.incomingAt ??= now();
    },
  });
  if (call.state !== 'ringing' || last === undefined) return;
  if (last.status < 200 || last.status > 299) {
    endCall(
      call,
      'undeliverable',
      'simulator',
      `IncomingCall was answered with ${last.status} ${last.error ?? ''}`.trim(),
    );
  }
}

function duplicateHeaders(target: Parameters<typeof incomingCallBody>[0]): Record<string, string> {
  return {
    'content-type': 'application/json; charset=utf-8',
    'aeg-event-type': 'Notification',
    ...target.headers,
  };
}

/** The application takes an incoming call. */
export function answer(call: Call, request: AnswerRequest): void {
  call.report.answered();
  call.rings.abort();
  attach(call, request);
  call.progress('answered', { incomingToAnswerMs: call.report.timings.incomingToAnswerMs });
  call.world.tasks.start('connect', () => connect(call));
}

/** The application calls somebody. The outcome is an event. */
export async function createCall(
  world: World,
  setup: CallSetup,
  targets: readonly Identifier[],
  request: AnswerRequest,
): Promise<Call> {
  admit(world);
  const call = new Call(world, setup, 'outgoing', targets[0]);
  world.registry.add(call);
  world.stats.callsPlaced += 1;
  attach(call, request);
  for (const target of targets.slice(1)) call.addParticipant(target);
  call.progress('calling', { callConnectionId: call.id });
  world.tasks.start('outgoing call', async () => {
    const reaction = setup.faults.invite;
    await utterances(world, setup, call.media?.rate ?? 16000);
    if (reaction === 'accept') return connect(call);
    if (reaction === 'never') return undefined;
    await sleep(reaction === 'noanswer' ? setup.ringMs : 0, call.over.signal);
    if (call.ended) return undefined;
    const result =
      reaction === 'decline'
        ? { code: 603, subCode: 560603, message: 'Decline' }
        : { code: 480, subCode: 10037, message: 'Call was not answered.' };
    call.emit('CreateCallFailed', {}, { context: call.operationContext }, result);
    return finish(call, reaction === 'decline' ? 'rejected' : 'unanswered', 'caller');
  });
  return call;
}

function attach(call: Call, request: AnswerRequest): void {
  call.state = 'connecting';
  call.callbackUri = request.callbackUri;
  call.operationContext = request.operationContext;
  call.actions = new MediaActions(call);
  if (request.mediaStreamingOptions) call.media = new MediaStream(call, request.mediaStreamingOptions);
  if (request.transcriptionOptions) {
    call.transcription = new TranscriptionStream(call, request.transcriptionOptions);
  }
}

async function connect(call: Call): Promise<void> {
  const { world, setup } = call;
  let lines: Awaited<ReturnType<typeof utterances>>;
  try {
    lines = await utterances(world, setup, call.media?.rate ?? 16000);
  } catch (error) {
    endCall(call, 'cancelled', 'simulator', messageOf(error));
    return;
  }
  if (call.ended) return;
  call.state = 'connected';
  call.report.connectedAt = now();
  call.addParticipant(call.caller);
  call.addParticipant(call.app);
  call.emitParticipants();
  call.emit('CallConnected', {}, { context: call.operationContext });
  call.progress('connected');
  call.phone = new Phone(call, rateOf(call.media?.options ?? {}), lines, {
    hungUp: (reason) => callerLeft(call, reason),
    key: (tone) => {
      call.media?.key(tone);
      call.actions?.key(tone);
    },
    heard: (text) => call.actions?.heard(text),
  });
  if (call.media?.options.startMediaStreaming) call.media.start({ context: call.operationContext });
  if (call.transcription?.options.startTranscription) {
    call.transcription.start({ context: call.operationContext });
  }
}

/** The caller hung up. */
function callerLeft(call: Call, reason: 'script' | 'fault' | 'limit'): void {
  if (reason === 'fault') endCall(call, 'hung_up_by_fault', 'caller');
  else if (reason === 'limit') endCall(call, 'timed_out', 'caller');
  else endCall(call, call.report.framesReceived > 0 ? 'completed' : 'no_agent_audio', 'caller');
}

/** The application ended the call. */
export function hangUp(call: Call): void {
  if (call.state === 'ringing') endCall(call, 'rejected', 'app');
  else endCall(call, call.phone?.scriptDone ? 'completed' : 'ended_by_app', 'app');
}

/** Ends a call once: stops all of its parts, and tells the application, which hears nothing more after it. */
export function endCall(
  call: Call,
  outcome: Outcome,
  endedBy: CallResult['endedBy'],
  detail?: string,
  result: ResultInformation = NORMAL_END,
): void {
  if (call.ended) return;
  call.emit('CallDisconnected', {}, { context: call.operationContext }, result);
  finish(call, outcome, endedBy, detail);
}

function finish(call: Call, outcome: Outcome, endedBy: CallResult['endedBy'], detail?: string): void {
  if (call.ended) return;
  call.state = 'disconnected';
  call.outcome = outcome;
  call.endedBy = endedBy;
  call.detail = detail;
  call.rings.abort();
  call.over.abort();
  call.phone?.stop();
  call.actions?.close();
  call.media?.close();
  call.transcription?.close();
  call.report.endedAt = now();
  call.participants.clear();
  call.world.registry.finish(call);
  call.world.stats.outcome(outcome);
  // The end is told after the last callback, so that the account holds how it was received.
  call.world.tasks.start('end', async () => {
    await call.callbacks.drained();
    call.settled = true;
    call.progress('end', { result: call.result() });
  });
}

function admit(world: World): void {
  if (world.registry.live >= world.settings.maxCalls) {
    throw new SimError('RTV_SIM_BUSY', `there are ${world.settings.maxCalls} calls already`, { status: 503 });
  }
}

function utterances(world: World, setup: CallSetup, rate: MediaRate) {
  return Promise.all(setup.script.lines.map((line) => world.speech.utterance(line, setup.voice, rate)));
}
