/** What a media session is given where a test does not look at it: services that do nothing, and say yes. */
import { PlayoutClock } from '../../src/media/playout.js';
import type { SessionServices } from '../../src/media/session-services.js';
import { emptyContext } from '../../src/memory/context.js';
import { Speakers } from '../../src/speech/speaker.js';
import { TextsByLanguage } from '../../src/speech/spoken-texts.js';

const nothing = (): undefined => undefined;
const done = async (): Promise<void> => undefined;
/** 2 s at 16 kHz. */
const SENTENCE = Buffer.alloc(640 * 100);

export function inertSession(): SessionServices {
  let turns = 0;
  return {
    link: {
      attach: async (_callId, origin) => ({
        ...{ ok: true, incarnation: 'i', mediaEpoch: 1, provisional: false },
        ...{ context: emptyContext(), origin },
      }),
      say: async () => ({ ok: true }),
      turn: async () => {
        turns += 1;
        return { ok: true, seq: turns, durable: true, archivedNo: turns };
      },
      detach: async () => ({ ok: true }),
      transcribing: async () => ({ ok: true, workerId: '', workerUrl: '', mediaEpoch: 1 }),
      transcriptionLost: async () => ({ ok: true }),
    },
    clock: new PlayoutClock(() => true),
    voice: { speak: async () => ({ pcm: SENTENCE, from: 'memory' }) },
    responder: {
      agent: 'a',
      // biome-ignore lint/correctness/useYield: an agent that says nothing
      async *reply() {
        return;
      },
      phrases: () => [],
    },
    trace: { span: (_name, _parent, _facts, work) => work(), past: nothing },
    splitter: () => ({ push: (text) => [text], flush: () => [] }),
    texts: new TextsByLanguage('en-US'),
    speakers: new Speakers({ language: 'en-US', voice: 'kal16' }),
    patience: { fillerMs: 0, fallbackMs: 60_000 },
    silence: { repromptMs: 60_000, reprompts: 0 },
    metrics: {
      ...{ firstFrame: nothing, greeting: nothing, turnAnswered: nothing, turnMeasured: nothing },
      ...{ frameIn: nothing, framesMissing: nothing, malformed: nothing, turnLost: nothing },
      ...{ interrupted: nothing, paused: nothing, failed: nothing, bridged: nothing },
    },
    log: { info: nothing, warn: nothing },
    affinity: { add: done, remove: done },
    hangUp: nothing,
    languageChanged: nothing,
  };
}
