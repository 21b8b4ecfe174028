/**
 * Workers killed, and replaced in good order, while calls talk: how long until a call's actor answers elsewhere, until
 * its caller hears the agent again, what the others notice, and how long a planned move is silent. All of it is seen
 * from outside: through a surviving sidecar, and at the callers' ends.
 */
import { setMaxListeners } from 'node:events';
import { longestSilence, withoutSocket } from '../recovery/far-end.js';
import { type KillCost, type KillKind, killUnderLoad, type Scene, settled } from '../recovery/kill.js';
import { costOf, heardOf, rollingRestart } from '../recovery/roll.js';
import { listener, talker, textsOf } from '../recovery/scripts.js';
import { Talkers } from '../recovery/talkers.js';
import { startTestStack } from '../support/stack.js';
import { type Bench, type BenchContext, type BenchResult, figure, type Row, series } from './frame.js';

export const bench: Bench = {
  name: 'recovery',
  description:
    'kill -9 of app, sidecar and both under live calls, and a rolling restart: what callers notice',
  options: {
    kills: { default: 30, help: 'kills of each kind (app, sidecar, both)' },
    calls: { default: 40, help: 'live calls while workers are killed' },
    rolls: { default: 1, help: 'rolling restarts of all workers; 0: none' },
    rollCalls: { default: 60, help: 'live calls during a rolling restart' },
    workers: { default: 3, help: 'workers, each with a sidecar' },
  },
  run,
};

const KINDS: readonly KillKind[] = ['app', 'sidecar', 'both'];
/** Short and many: a call has a turn every few seconds while its worker moves. */
const ROLL_TURNS = 24;

async function run({ say, options, signal }: BenchContext): Promise<BenchResult> {
  const { kills = 0, calls = 1, rolls = 0, rollCalls = 1, workers = 3 } = options;
  // Each live call listens to it.
  setMaxListeners(0, signal);
  const system = await startTestStack({ workers, say, signal });
  const rows: Row[] = [];
  try {
    const { stack, view } = system;
    if (kills > 0) {
      const talkers = new Talkers({ view, calls, call: () => listener(), signal });
      say(`${calls} calls begin`);
      await talkers.start();
      const scene = { stack, view, talkers };
      for (const kind of KINDS) rows.push(...(await killing(scene, kind, { kills, workers, say, signal })));
      const results = await talkers.hangUp();
      const ended = results.filter(({ outcome }) => outcome !== 'completed' && outcome !== 'cancelled');
      rows.push(figure('kill_calls_lost', 'calls', ended.length));
    }
    for (let round = 0; round < rolls; round += 1) {
      const call = talker(ROLL_TURNS);
      const talkers = new Talkers({ view, calls: rollCalls, call: () => call, signal });
      say(`${rollCalls} calls begin`);
      await talkers.start();
      say('rolling restart');
      const { fromMs, untilMs } = await rollingRestart({ stack, view, talkers });
      say(`all workers restarted in ${Math.round((untilMs - fromMs) / 1_000)} s; calls talk to their end`);
      const results = await talkers.finish();
      const heard = await heardOf(view, results);
      const during = heard.filter(({ connectedAt }) => (connectedAt ?? untilMs) < untilMs);
      const cost = await costOf(view, results, textsOf(call));
      rows.push(
        series(
          'drain_silence',
          'ms',
          during.map((one) => longestSilence(fromMs, untilMs, one)),
        ),
        series(
          'drain_without_socket',
          'ms',
          during.flatMap((one) => withoutSocket(fromMs, untilMs, one)),
        ),
        figure('drain_calls', 'calls', results.length),
        figure('drain_calls_lost', 'calls', cost.callsLost),
        figure('drain_turns_lost', 'turns', cost.turnsLost),
        figure('drain_turns_doubled', 'turns', cost.turnsDoubled),
        figure('drain_turns_unanswered', 'turns', cost.unanswered),
        figure('drain_stale_frames', 'frames', cost.stolenFrames),
        figure('drain_took', 's', (untilMs - fromMs) / 1_000),
      );
    }
    const stats = (await view.simulator.json('GET', '/stats')) as { clock: { worstLagMs: number } };
    rows.push(figure('simulator_clock_lag', 'ms', stats.clock.worstLagMs));
  } finally {
    await system.remove();
  }
  return {
    config: { ...options, simulatedLatency: 'default', speech: 'flite' },
    rows,
    notMeasured: [
      'Machines and networks that go away: every process shares this machine and its loopback, and what is killed is started again at once beside the survivors.',
      'The real ACS: the simulator closes a killed socket without an event and opens a new one 0.1 to 0.3 s after it is asked.',
      'Callers who were speaking at the kill count from the kill, like all others: their own words are in the time.',
    ],
  };
}

interface Killing {
  readonly kills: number;
  readonly workers: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

async function killing(scene: Scene, kind: KillKind, options: Killing): Promise<Row[]> {
  const costs: KillCost[] = [];
  for (let kill = 0; kill < options.kills; kill += 1) {
    options.signal.throwIfAborted();
    await settled(scene);
    const cost = await killUnderLoad(scene, 1 + (kill % options.workers), kind);
    costs.push(cost);
    options.say(
      `${kind} ${kill + 1}: actor ${cost.actorMs ?? '–'} ms, heard again ${Math.max(0, ...cost.heardMs)} ms (${cost.heardMs.length}), others ${Math.round(Math.max(0, ...cost.bystanderMs))} ms (${cost.bystanderMs.length})`,
    );
  }
  const heard = costs.flatMap(({ heardMs }) => heardMs);
  const bystanders = costs.flatMap(({ bystanderMs }) => bystanderMs);
  return [
    series(
      `actor_back_${kind}`,
      'ms',
      costs.flatMap(({ actorMs }) => actorMs ?? []),
    ),
    ...(kind === 'sidecar'
      ? []
      : [
          series(`heard_again_${kind}`, 'ms', heard),
          series(
            `socket_back_${kind}`,
            'ms',
            costs.flatMap(({ socketMs }) => socketMs),
          ),
          figure(
            `not_heard_again_${kind}`,
            'calls',
            costs.reduce((sum, { notHeard }) => sum + notHeard, 0),
          ),
        ]),
    ...(bystanders.length > 0 ? [series(`bystander_reply_${kind}`, 'ms', bystanders)] : []),
  ];
}
