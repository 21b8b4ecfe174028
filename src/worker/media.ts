/** The media side of a worker: sessions, sockets, and words that cross from one worker to another. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import type { ActorClient } from '../actors/client.js';
import type { Responder } from '../agent/responder.js';
import type { SocketCall } from '../http/upgrades.js';
import { PlayoutClock } from '../media/playout.js';
import type { CallLink, MediaMetrics, Voice } from '../media/ports.js';
import { SessionRegistry } from '../media/registry.js';
import type { MediaSession } from '../media/session.js';
import type { Heard, SessionServices } from '../media/session-services.js';
import {
  GOING_AWAY,
  type SocketServices,
  serveMedia,
  serveTranscription,
  type TranscriptionSocket,
} from '../media/sockets.js';
import type { Logger } from '../ops/log.js';
import type { Metrics } from '../ops/metrics.js';
import { onLongTask } from '../ops/tasks.js';
import type { TurnRing } from '../ops/turn-ring.js';
import { SentenceSplitter } from '../speech/sentences.js';
import type { TextsByLanguage } from '../speech/spoken-texts.js';
import { locateCall } from './link.js';
import type { Peers } from './peers.js';

export interface MediaParts {
  readonly actors: ActorClient;
  readonly link: CallLink;
  readonly voice: Voice;
  readonly responder: Responder;
  readonly texts: TextsByLanguage;
  readonly speakers: SessionServices['speakers'];
  readonly patience: SessionServices['patience'];
  readonly affinity: SessionServices['affinity'];
  /** The lease under which voices speak. */
  maySpeak(): boolean;
  readonly voices: SessionServices['voices'];
  readonly bargeIn?: SessionServices['bargeIn'];
  readonly silence: SessionServices['silence'];
  readonly words?: SessionServices['words'];
  readonly ignored?: SessionServices['ignored'];
  readonly trace: SessionServices['trace'];
  readonly peers: Pick<Peers, 'post'>;
  readonly metrics: Metrics;
  /** The latencies of the last turns. */
  readonly turns: TurnRing;
  readonly log: Logger;
  hangUp(callId: string): void;
  languageChanged(callId: string, language: string): void;
}

/** A worker that ends waits so long for the last turns of its calls, ms. */
const CLOSING_MS = 8_000;

export function createMedia(parts: MediaParts) {
  const { actors, metrics, log } = parts;
  const sessions = new SessionRegistry();
  const clock = new PlayoutClock(parts.maySpeak);
  const open = new Set<WebSocket>();
  /** Plain numbers: there are thousands of frames a second. */
  let framesIn = 0;
  const closing = new Set<Promise<void>>();
  const transcriptions = new Set<TranscriptionSocket>();

  // Without the lease nobody knows whose the call is: its actor is asked, and words that came late find their way.
  const deliver = (callId: string, heard: Heard): boolean =>
    parts.maySpeak() && sessions.deliver(callId, heard);

  const services: SocketServices = {
    sessions,
    clock,
    session: {
      link: parts.link,
      clock,
      voice: parts.voice,
      responder: parts.responder,
      splitter: () => new SentenceSplitter(),
      texts: parts.texts,
      speakers: parts.speakers,
      patience: parts.patience,
      ...(parts.voices ? { voices: parts.voices } : {}),
      ...(parts.bargeIn ? { bargeIn: parts.bargeIn } : {}),
      silence: parts.silence,
      ...(parts.words ? { words: parts.words } : {}),
      ...(parts.ignored ? { ignored: parts.ignored } : {}),
      trace: parts.trace,
      metrics: mediaMetrics(metrics, parts.turns, { frameIn: () => (framesIn += 1) }),
      log,
      affinity: parts.affinity,
      hangUp: parts.hangUp,
      languageChanged: parts.languageChanged,
    },
    relay: {
      deliver,
      locate: (callId) => locateCall(actors, callId),
      forward: async (workerUrl, callId, heard) =>
        (await parts.peers.post(workerUrl, `/internal/calls/${encodeURIComponent(callId)}/heard`, heard)) ===
        204,
      lost: () => metrics.lostTurns.add(1, { reason: 'no_media_worker' }),
    },
  };

  metrics.liveCalls.addCallback((result) => result.observe(sessions.size));
  metrics.mediaFrames.addCallback((result) => {
    result.observe(framesIn, { direction: 'in' });
    result.observe(clock.sent, { direction: 'out' });
  });
  const endLongTasks = onLongTask((task) => metrics.longTasks.add(1, { task }));

  return {
    sessions,
    /** Audio frames since the start. */
    frames: () => ({ in: framesIn, out: clock.sent }),
    /** Sockets of ACS that are open here. */
    sockets: (): number => open.size,
    openSocket(call: SocketCall, socket: WebSocket): void {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      if (call.kind === 'transcription') {
        const transcription = serveTranscription(call.callConnectionId, socket, services);
        transcriptions.add(transcription);
        socket.once('close', () => transcriptions.delete(transcription));
        return;
      }
      const { closed } = serveMedia(
        call.callConnectionId,
        { correlationId: call.correlationId },
        socket,
        services,
      );
      closing.add(closed);
      void closed.finally(() => closing.delete(closed));
    },
    /** Words that another worker heard for a call whose audio is here. */
    heardElsewhere: deliver,
    /** A call whose audio is here was put on hold, or taken back. false: it is not here. */
    hold: (callId: string, on: boolean): boolean => sessions.hold(callId, on),
    /** Calls and transcripts, as they are given to other workers. */
    movable: {
      calls: () => sessions.all(),
      words: () => transcriptions,
      remove: (session: MediaSession) => sessions.remove(session),
      sockets: () => open.size,
    },
    /** Closes all sockets and waits until their sessions have handed in their turns, at most CLOSING_MS. */
    async close(): Promise<void> {
      for (const socket of open) socket.close(GOING_AWAY, 'draining');
      const patience = new AbortController();
      await Promise.race([
        Promise.all(closing),
        sleep(CLOSING_MS, undefined, { signal: patience.signal }).catch(() => undefined),
      ]);
      patience.abort();
      for (const socket of open) socket.terminate();
      endLongTasks();
    },
  };
}

function mediaMetrics(
  metrics: Metrics,
  turns: TurnRing,
  counts: Pick<MediaMetrics, 'frameIn'>,
): MediaMetrics {
  return {
    turnMeasured: (latency) => {
      for (const [step, ms] of Object.entries(latency.steps)) metrics.turnStep.record(ms, { step });
      turns.add(latency);
    },
    firstFrame: (ms, from, waitedMs) => {
      metrics.firstFrame.record(ms, { from });
      metrics.firstFrameOwn.record(ms - waitedMs, { from });
    },
    greeting: (ms) => metrics.greeting.record(ms),
    turnAnswered: (durable, ms) => metrics.turnRoundTrip.record(ms, { durable: String(durable) }),
    frameIn: counts.frameIn,
    framesMissing: (frames) => metrics.mediaFramesMissing.add(frames),
    malformed: () => metrics.mediaMalformed.add(1),
    interrupted: () => metrics.interruptions.add(1),
    paused: () => metrics.pauses.add(1),
    failed: (what) => metrics.fallbacks.add(1, { what }),
    bridged: () => metrics.bridges.add(1),
    turnLost: (reason) => metrics.lostTurns.add(1, { reason }),
  };
}
