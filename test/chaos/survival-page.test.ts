import { expect, it } from 'vitest';
import { survivalPage } from './survival-page.js';

const report = (seed: number, turnMs: readonly number[], callsCut = 0) => ({
  chaos: 'rtvoice',
  machine: { cores: 2, node: '20.20.2', loadavg: [1, 1, 1] },
  seed,
  minutes: 7,
  workers: 3,
  atOnce: 10,
  calls: 400,
  faults: { app: 6, redis: 6 },
  acknowledged: 3_000,
  lost: 0,
  doubled: 0,
  disordered: 0,
  unfinished: 0,
  leftOver: { keys: 0, indexEntries: 0, reminders: 0, actors: 0 },
  reminders: { registered: 390, fired: 300, lost: 0, longestGapMs: 20_000 },
  survival: [
    {
      fault: 'redis',
      faults: 6,
      calls: 60,
      callsCut,
      turnMs,
      audioMs: [],
      audioGone: 0,
      turnsLost: 0,
      reminderMs: [],
    },
    {
      fault: 'app',
      faults: 6,
      calls: 20,
      callsCut: 0,
      turnMs: [900, 1_100],
      audioMs: [1_500, 2_250],
      audioGone: 0,
      turnsLost: 0,
      reminderMs: [14_000],
    },
  ],
});

const recovery = {
  bench: 'recovery',
  rows: [{ name: 'actor_back_app', unit: 'ms', n: 30, p50: 700, p95: 1_200, p99: 1_300, max: 1_300 }],
};

it('the same reports give the same page, in whatever order they come', () => {
  const [first, second] = [report(1, [10, 20, 30]), report(2, [40])];
  const page = survivalPage([first, second], recovery);
  expect(survivalPage([second, first], recovery)).toBe(page);
  expect(page).toMatchInlineSnapshot(`
    "# What survives what

    Made by \`npm run chaos -- table\`, out of what the chaos suite and the recovery bench measured. Do not edit it.

    3 workers, 10 calls at once, everything on one machine (2 cores, Node 20.20.2).

    | seed | minutes | calls | faults | turns acknowledged | lost | doubled | out of order | calls without end | left over | reminders lost |
    |---|---|---|---|---|---|---|---|---|---|---|
    | 1 | 7 | 400 | 12 | 3000 | 0 | 0 | 0 | 0 | 0 | 0 of 390 |
    | 2 | 7 | 400 | 12 | 3000 | 0 | 0 | 0 | 0 | 0 | 0 of 390 |

    | what fails | times | calls it met | call | turn: next acknowledgement, s | audio: socket back, s | transcript | reminder: next firing, s |
    |---|---|---|---|---|---|---|---|
    | a worker's app is killed (SIGKILL) | 12 | 40 | goes on | 0.90 / 1.10 / 1.10 (4) | 1.50 / 2.25 / 2.25 (4) | nothing lost | 14.00 / 14.00 / 14.00 (2) |
    | Redis is killed and comes back (append-only file) | 12 | 120 | goes on | 0.02 / 0.04 / 0.04 (4) | – | nothing lost | – |

    One worker of several is killed while calls are live, again and again (\`npm run bench -- recovery\`):

    | | n | p50 | p95 | max |
    |---|---|---|---|---|
    | \`actor_back_app\`, ms | 30 | 700 | 1200 | 1300 |

    How to read it:

    - Times are p50 / p95 / greatest (number of measurements). Faults overlap: what a later one costs is in the times of the one before it.
    - **Calls it met**: those with their audio on that worker, for a fault of a worker; all live ones for the others. Ending early is what the caller did not mean to do: giving up on silence counts.
    - **Turn**: from the fault, or from the moment the turn was first offered if that was later, to the next \`durable: true\` of the call.
    - **Audio**: from the fault to the next media socket of the call, where it lost the one it had.
    - **Transcript**: turns that a proxy before the sidecar saw acknowledged as durable and that are in no document at the end.
    - **Reminder**: from the fault to the next firing of a call's reminder, whose period is 15 s there.
    "
  `);
});

it('what was lost and cut is said', () => {
  const bad = report(3, [], 2);
  const page = survivalPage([{ ...bad, survival: bad.survival.map((row) => ({ ...row, turnsLost: 1 })) }]);
  expect(page).toContain('58 go on, 2 end early');
  expect(page).toContain('1 turns lost');
});

it('refuses what is no report', () => {
  expect(() => survivalPage([{ rows: [] }])).toThrow();
});
