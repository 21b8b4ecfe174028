/**
 * A media worker for benches: the sockets, sessions, playout, voice activity and speech of a real worker, wired as it
 * wires them, behind a real HTTP server in a process of its own. The call's actor alone is replaced: it says yes to
 * every turn, so that nothing but media is measured. Ends on SIGTERM.
 */
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import type { Attached, TurnAnswer } from '../../../src/actors/call-messages.js';
import type { ActorClient } from '../../../src/actors/client.js';
import { FlitePool } from '../../../src/audio/flite.js';
import type { TurnOffer } from '../../../src/call/turn.js';
import type { Doors } from '../../../src/http/authenticate.js';
import { createPublicServer } from '../../../src/http/server.js';
import { acceptUpgrades } from '../../../src/http/upgrades.js';
import { BARGE_IN } from '../../../src/media/barge-in.js';
import type { CallLink } from '../../../src/media/ports.js';
import { BARGE_IN_VOICE } from '../../../src/media/vad/settings.js';
import { VoiceActivity } from '../../../src/media/vad/voice-activity.js';
import { emptyContext } from '../../../src/memory/context.js';
import { createLogger } from '../../../src/ops/log.js';
import { createMetrics } from '../../../src/ops/metrics.js';
import { taskFigures } from '../../../src/ops/tasks.js';
import { TurnRing } from '../../../src/ops/turn-ring.js';
import { FliteSpeech } from '../../../src/speech/flite-speech.js';
import { Speakers } from '../../../src/speech/speaker.js';
import { TextsByLanguage } from '../../../src/speech/spoken-texts.js';
import { CachedSpeech } from '../../../src/speech/tts-cache.js';
import { createMedia } from '../../../src/worker/media.js';
import type { HostAnswers, HostFigures, HostMessage, HostOptions, Numbered } from './host-messages.js';
import { StoryTeller } from './stories.js';

const LOOP_RESOLUTION_MS = 10;
const LONG_MS = 10;
/** No caller of a bench is asked whether he is still there, ms. */
const NEVER_MS = 24 * 3600_000;
const RATE = 16_000;
const VOICE = 'kal16';

const tell = (message: HostMessage): void => void process.send?.(message);

async function main(options: HostOptions): Promise<void> {
  const metrics = createMetrics('bench');
  const log = createLogger('silent', 'bench');
  const pool = new FlitePool({ threads: 1 });
  const speech = new CachedSpeech({
    speech: new FliteSpeech(pool),
    seal: { seal: (audio) => audio, open: (audio) => audio },
    secret: 'bench',
  });
  const request = (text: string) => ({ text, voice: VOICE, language: 'en-US', sampleRate: RATE }) as const;
  const responder = new StoryTeller();
  await pool.ready();
  await speech.warm(responder.phrases().map(request));
  const activity = options.voiceActivity ? await VoiceActivity.load({ settings: BARGE_IN_VOICE }) : undefined;
  const turns = new Map<string, TurnOffer[]>();
  const media = createMedia({
    actors: nobody,
    link: yes(turns),
    maySpeak: () => true,
    voice: { speak: (text, _rate, signal) => speech.speak(request(text), signal) },
    responder,
    texts: new TextsByLanguage('en-US', {}),
    affinity: { add: async () => undefined, remove: async () => undefined },
    voices: activity,
    bargeIn: { ...BARGE_IN, enabled: options.bargeIn },
    silence: { repromptMs: NEVER_MS, reprompts: 1 },
    trace: { span: (_name, _parent, _facts, work) => work(), past: () => undefined },
    speakers: new Speakers({ language: 'en-US', voice: VOICE }),
    // Fillers and excuses are not what is measured.
    patience: { fillerMs: 0, fallbackMs: 30_000 },
    turns: new TurnRing(),
    languageChanged: () => undefined,
    peers: { post: async () => 204 },
    metrics,
    log,
    hangUp: () => undefined,
  });
  const server = createPublicServer((_request, response) => response.writeHead(404).end());
  const sockets = acceptUpgrades(server, {
    doors: open,
    open: (call, socket) => {
      socket.once('close', () => turns.delete(call.callConnectionId));
      media.openSocket(call, socket);
    },
  });
  const figures = createFigures();
  const answers = {
    figures: async (collect: boolean): Promise<HostFigures> => {
      if (collect) await collectGarbage();
      const { runs = 0, windows = 0, worstRunMs = 0, failures = 0 } = activity?.stats ?? {};
      return {
        ...figures.read(),
        sessions: media.sessions.size,
        framesIn: media.frames().in,
        framesOut: media.frames().out,
        voiceActivity: { runs, windows, worstRunMs, dropped: failures },
      };
    },
  };
  const answer = async (message: Numbered): Promise<HostAnswers[keyof HostAnswers]> => {
    switch (message.kind) {
      case 'figures':
        return answers.figures(message.collect);
      case 'reset':
        figures.reset();
        return null;
      case 'call':
        return {
          turns: (turns.get(message.callId) ?? []).map(({ role, text, interrupted = false }) => ({
            role,
            text,
            interrupted,
          })),
          context: media.sessions.get(message.callId)?.context ?? null,
        };
      default: {
        const { pcm } = await speech.speak(request(message.text));
        return pcm.toString('base64');
      }
    }
  };
  process.on('message', (message: Numbered) => {
    answer(message).then(
      (value) => tell({ kind: 'answer', id: message.id, value }),
      (thrown: unknown) => {
        console.error(thrown);
        process.exit(1);
      },
    );
  });
  process.once('SIGTERM', () => {
    const end = async (): Promise<void> => {
      await media.close();
      sockets.close();
      server.close();
      server.closeAllConnections();
      await activity?.close();
      await pool.close();
      await metrics.shutdown();
    };
    end().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  tell({ kind: 'ready', port: (server.address() as AddressInfo).port });
}

function createFigures() {
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  delay.enable();
  const gc = { over: 0, worstMs: 0 };
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      gc.worstMs = Math.max(gc.worstMs, duration);
      if (duration > LONG_MS) gc.over += 1;
    }
  }).observe({ entryTypes: ['gc'] });
  let since = performance.now();
  let cpu = process.cpuUsage();
  const beyond = (ns: number): number => Math.max(0, ns / 1e6 - LOOP_RESOLUTION_MS);
  return {
    reset(): void {
      delay.reset();
      Object.assign(gc, { over: 0, worstMs: 0 });
      taskFigures.reset();
      since = performance.now();
      cpu = process.cpuUsage();
    },
    read(): Omit<HostFigures, 'sessions' | 'voiceActivity' | 'framesIn' | 'framesOut'> {
      const { user, system } = process.cpuUsage(cpu);
      const { heapUsed, external, rss } = process.memoryUsage();
      const tasks = taskFigures.read();
      return {
        cpuMs: (user + system) / 1000,
        wallMs: performance.now() - since,
        loopDelayMs: {
          p50: beyond(delay.percentile(50)),
          p99: beyond(delay.percentile(99)),
          max: beyond(delay.max),
        },
        heapBytes: heapUsed,
        bufferBytes: external,
        rssBytes: rss,
        tasks,
        gc: { ...gc },
      };
    },
  };
}

/** Twice, with a pause: what finalizers let go of is collected by the second. */
async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The door is open: who may open a socket is not what is measured. */
const open: Doors = {
  incoming: async () => ({ ok: true }),
  token: (_door, token) => String(token),
  callback: async () => ({ ok: true }),
  upgrade: async () => ({ ok: true }),
  fits: async () => true,
};

const nobody: ActorClient = {
  call: async () => ({ ok: false, code: 'RTV_CALL_UNKNOWN' }),
  registerReminder: async () => false,
  unregisterReminder: async () => false,
  close: async () => undefined,
};

function yes(turns: Map<string, TurnOffer[]>): CallLink {
  return {
    attach: async () => ({
      ok: true,
      ...({
        incarnation: 'bench',
        mediaEpoch: 1,
        provisional: false,
        context: emptyContext(),
        origin: { correlationId: 'bench' },
      } satisfies Attached),
    }),
    say: async () => ({ ok: true }),
    turn: async (callId, _at, turnNo, offer) => {
      const all = turns.get(callId) ?? [];
      all.push(offer);
      turns.set(callId, all.slice(-200));
      return { ok: true, ...({ seq: turnNo, durable: true, archivedNo: turnNo } satisfies TurnAnswer) };
    },
    detach: async () => ({ ok: true }),
    transcribing: async () => ({ ok: true, workerId: 'bench', workerUrl: '', mediaEpoch: 1 }),
    transcriptionLost: async () => ({ ok: true }),
  };
}

main(JSON.parse(process.argv[2] ?? '{}') as HostOptions).catch((thrown: unknown) => {
  console.error(thrown);
  process.exit(1);
});
