/**
 * What comes in on ACS's sockets, and where it goes: audio and tones to the call's media session, final words to
 * whichever worker has the call's audio. ACS may open either socket at any worker, in any order.
 */
import type { WebSocket } from 'ws';
import type { CallOrigin } from '../actors/call-messages.js';
import type { SampleRate } from '../audio/pcm.js';
import type { PlayoutClock } from './playout.js';
import type { MediaLine } from './ports.js';
import type { SessionRegistry } from './registry.js';
import { type RelayServices, TranscriptRelay } from './relay.js';
import { type Heard, MediaSession, type SessionServices } from './session.js';
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
      if (socket.readyState === socket.OPEN) socket.send(message, { binary: false });
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

  socket.on('message', (data: Buffer) => {
    const frame = parseFrame(data, scratch);
    switch (frame.kind) {
      case 'AudioMetadata':
        if (!session) start(frame.sampleRate === 24_000 ? 24_000 : 16_000);
        break;
      case 'AudioData':
        (session ?? start(16_000)).audio(frame.pcm, frame.silent);
        break;
      case 'DtmfData':
        session?.tone(frame.tone);
        break;
      case 'TranscriptionData':
        if (frame.final) heard.push(wordsOf(frame));
        break;
      case 'Malformed':
        sessionServices.metrics.malformed();
        break;
      default:
    }
  });
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

/** A transcription socket: its final words go to the call's media worker. */
export function serveTranscription(callId: string, socket: WebSocket, services: SocketServices): void {
  const relay = new TranscriptRelay(callId, services.relay);
  socket.on('message', (data: Buffer) => {
    const frame = parseFrame(data, scratch);
    if (frame.kind === 'TranscriptionData' && frame.final) relay.push(wordsOf(frame));
    else if (frame.kind === 'Malformed') services.session.metrics.malformed();
  });
  socket.on('error', () => socket.terminate());
  socket.once('close', () => void relay.close());
}

/** Times by our own clock: the words ended a little before they came. */
function wordsOf(frame: TranscriptionDataFrame): Heard {
  const endedAtMs = Date.now();
  return { text: frame.text, startedAtMs: endedAtMs - frame.durationTicks / TICKS_PER_MS, endedAtMs };
}

export { GOING_AWAY };
