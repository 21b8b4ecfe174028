/**
 * What comes in on ACS's sockets, and where it goes: audio and tones to the call's media session, final words to
 * whichever worker has the call's audio. ACS may open either socket at any worker, in any order.
 */
import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { CallOrigin } from '../actors/call-messages.js';
import { FRAME_MS, type SampleRate } from '../audio/pcm.js';
import { newNonce } from '../call/incarnation.js';
import { inTask } from '../ops/tasks.js';
import { isIgnored } from './ears.js';
import type { PlayoutClock } from './playout.js';
import type { MediaLine } from './ports.js';
import type { SessionRegistry } from './registry.js';
import { type RelayServices, TranscriptRelay } from './relay.js';
import { MediaSession } from './session.js';
import type { Heard, SessionServices } from './session-services.js';
import type { TranscriptionDataFrame } from './wire/frame.js';
import { parseFrame } from './wire/parse.js';

export interface SocketServices {
  readonly sessions: SessionRegistry;
  readonly session: SessionServices;
  readonly relay: RelayServices;
  readonly clock: PlayoutClock;
}

/** The largest frame is 24 kHz unmixed, far below this, bytes. */
const SCRATCH_BYTES = 16 * 1024;
/** One for the process: frames are handled before the next one is read. */
const scratch = Buffer.alloc(SCRATCH_BYTES);
const TICKS_PER_MS = 10_000;
/** Sockets of a process that is asked to end close with this. */
const GOING_AWAY = 1001;

/** A media socket. The session starts with the first metadata, which says the sample rate. */
export function serveMedia(
  callId: string,
  origin: CallOrigin,
  socket: WebSocket,
  services: SocketServices,
): { closed: Promise<void> } {
  const { sessions, session: sessionServices } = services;
  let session: MediaSession | undefined;
  const line: MediaLine = {
    send: (message) => {
      if (socket.readyState !== socket.OPEN) return false;
      socket.send(message, { binary: false });
      return true;
    },
    get bufferedAmount() {
      return socket.bufferedAmount;
    },
    close: (code, reason) => socket.close(code, reason),
  };
  const start = (sampleRate: SampleRate): MediaSession => {
    session = new MediaSession(callId, origin, line, sampleRate, sessionServices);
    const before = sessions.add(session);
    // The older socket of the same call on this worker: its epoch is over once the new one attached.
    void before?.close();
    session.open();
    return session;
  };
  const heard = new TranscriptRelay(callId, services.relay);
  const ignores = ignoring(sessionServices);

  const take = (data: Buffer): void => {
    const frame = parseFrame(data, scratch);
    switch (frame.kind) {
      case 'AudioMetadata':
        if (!session) start(frame.sampleRate === 24_000 ? 24_000 : 16_000);
        break;
      case 'AudioData':
        if (!ignores(frame)) (session ?? start(16_000)).audio(frame);
        break;
      case 'DtmfData':
        if (!ignores(frame)) session?.tone(frame.tone);
        break;
      case 'TranscriptionData':
        if (!ignores(frame)) relayWords(heard, frame);
        break;
      case 'Malformed':
        sessionServices.metrics.malformed();
        break;
      default:
    }
  };
  socket.on('message', (data: Buffer) => inTask('media.message', () => take(data)));
  socket.on('error', () => socket.terminate());
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      const ended = session;
      const finish = async (): Promise<void> => {
        await heard.close();
        await ended?.close();
        if (ended) sessions.remove(ended);
      };
      finish().then(resolve, () => resolve());
    });
  });
  return { closed };
}

/** A transcription socket that this worker may give away. */
export interface TranscriptionSocket {
  readonly callId: string;
  /** Settles once no words are under way, at most after `patienceMs`; then ACS is asked to open it elsewhere. */
  handOver(patienceMs: number): Promise<void>;
}

/** An utterance without new words for so long was given up, ms. */
const QUIET_MS = 3_000;
const ANNOUNCE_AGAIN_MS = 500;
/** A socket that closes is mostly the call's end, whose event follows at once, ms. */
const END_MAY_COME_MS = 500;

/** A transcription socket: its words go to the call's media worker. */
export function serveTranscription(
  callId: string,
  socket: WebSocket,
  services: SocketServices,
): TranscriptionSocket {
  const relay = new TranscriptRelay(callId, services.relay);
  const { affinity, link, metrics } = services.session;
  const ignores = ignoring(services.session);
  const member = `${TRANSCRIPTION_MEMBER}${callId}`;
  let lastWordsMs = 0;
  let midUtterance = false;
  let givenAway = false;
  affinity.add(member).catch(() => undefined);
  const socketId = newNonce();
  void announce(callId, socketId, socket, link).then((workerUrl) => relay.located(workerUrl));
  socket.on('message', (data: Buffer) => {
    const frame = parseFrame(data, scratch);
    if (frame.kind === 'TranscriptionData' && !ignores(frame)) {
      lastWordsMs = performance.now();
      midUtterance = !frame.final;
      relayWords(relay, frame);
    } else if (frame.kind === 'Malformed') metrics.malformed();
  });
  socket.on('error', () => socket.terminate());
  socket.once('close', () => {
    const finish = async (): Promise<void> => {
      await relay.close();
      await affinity.remove(member);
      if (givenAway) return;
      await pause(END_MAY_COME_MS);
      await link.transcriptionLost(callId, socketId, false);
    };
    finish().catch(() => undefined);
  });
  return {
    callId,
    async handOver(patienceMs) {
      const until = performance.now() + patienceMs;
      const quiet = (): boolean => performance.now() - lastWordsMs >= (midUtterance ? QUIET_MS : 0);
      while (!quiet() && performance.now() < until) await pause(FRAME_MS);
      givenAway = true;
      await link.transcriptionLost(callId, socketId, true);
    },
  };
}

/**
 * Tells the actor that the socket is here, again and again while it is: an actor that does not know would have ACS open
 * another one at the next echo of a loss. @returns where the call's audio is, '' where that is not known
 */
async function announce(
  callId: string,
  socketId: string,
  socket: WebSocket,
  link: SessionServices['link'],
): Promise<string> {
  while (socket.readyState === socket.OPEN) {
    const answer = await link.transcribing(callId, socketId);
    if (answer.ok) return answer.workerUrl;
    if (answer.code === 'RTV_CALL_ENDED' || answer.code === 'RTV_CALL_UNKNOWN') return '';
    await pause(ANNOUNCE_AGAIN_MS);
  }
  return '';
}

/** Marks a call in the affinity set whose transcription socket, not its audio, is here. */
export const TRANSCRIPTION_MEMBER = 'transcription:';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether a frame comes from a participant who does not count. */
const ignoring =
  ({ ignored = [] }: SessionServices) =>
  ({ participantRawID }: { readonly participantRawID?: string }): boolean =>
    isIgnored(participantRawID, ignored);

function relayWords(relay: TranscriptRelay, frame: TranscriptionDataFrame): void {
  if (frame.final) relay.push(wordsOf(frame));
  else relay.interim(wordsOf(frame));
}

/** Times by our own clock: the words ended a little before they came. */
function wordsOf(frame: TranscriptionDataFrame): Heard {
  const endedAtMs = Date.now();
  return {
    id: randomUUID(),
    text: frame.text,
    startedAtMs: endedAtMs - frame.durationTicks / TICKS_PER_MS,
    endedAtMs,
    // 0 is also what stands for none.
    ...(frame.offsetTicks > 0 ? { offsetMs: frame.offsetTicks / TICKS_PER_MS } : {}),
    final: frame.final,
  };
}

export { GOING_AWAY };
