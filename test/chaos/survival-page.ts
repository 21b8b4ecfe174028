/** docs/what-survives-what.md out of reports: of the suite, and of the bench `recovery`. Pure. */
import { z } from 'zod';
import { percentile } from '../bench/frame.js';

const times = z.array(z.number());
const chaosSchema = z.object({
  machine: z.object({ cores: z.number(), node: z.string() }),
  seed: z.number(),
  minutes: z.number(),
  workers: z.number(),
  atOnce: z.number(),
  calls: z.number(),
  faults: z.record(z.string(), z.number()),
  acknowledged: z.number(),
  lost: z.number(),
  doubled: z.number(),
  disordered: z.number(),
  unfinished: z.number(),
  leftOver: z.record(z.string(), z.number()),
  reminders: z.object({ registered: z.number(), fired: z.number(), lost: z.number() }),
  survival: z.array(
    z.object({
      fault: z.string(),
      faults: z.number(),
      calls: z.number(),
      callsCut: z.number(),
      turnMs: times,
      audioMs: times,
      audioGone: z.number(),
      turnsLost: z.number(),
      reminderMs: times,
    }),
  ),
});
type ChaosReport = z.output<typeof chaosSchema>;
type Row = ChaosReport['survival'][number];

const benchSchema = z.object({
  rows: z.array(
    z.union([
      z.object({
        name: z.string(),
        unit: z.string(),
        n: z.number(),
        p50: z.number(),
        p95: z.number(),
        max: z.number(),
      }),
      z.object({ name: z.string(), unit: z.string(), value: z.number() }),
    ]),
  ),
});

/** What each kind of fault is, in words, in the order of the page. */
const FAULTS: Readonly<Record<string, string>> = {
  app: "a worker's app is killed (SIGKILL)",
  sidecar: "a worker's sidecar is killed",
  both: 'a worker is killed, app and sidecar',
  pause: "a worker's app stands still (SIGSTOP, 2.5 to 12 s)",
  cut: 'a worker is cut off the network, silently (4 to 15 s)',
  healthGap: "a worker's /healthz fails (3 to 7 s)",
  redis: 'Redis is killed and comes back (append-only file)',
  cosmos: 'the permanent store is killed and comes back',
  scheduler: "Dapr's scheduler is killed and comes back",
  placement: "Dapr's placement is killed and comes back",
};

/**
 * The page.
 * @param reports parsed JSON of `npm run chaos -- --json`, one or more
 * @param recovery parsed JSON of `npm run bench -- recovery --json`
 * @throws ZodError when something else is given
 */
export function survivalPage(reports: readonly unknown[], recovery?: unknown): string {
  const runs = reports.map((report) => chaosSchema.parse(report)).sort((a, b) => a.seed - b.seed);
  return `${[
    '# What survives what',
    '',
    'Made by `npm run chaos -- table`, out of what the chaos suite and the recovery bench measured. Do not edit it.',
    '',
    ...overall(runs),
    '',
    ...costs(runs),
    ...(recovery === undefined ? [] : ['', ...recoveryRows(recovery)]),
    '',
    ...READING,
  ].join('\n')}\n`;
}

function overall(runs: readonly ChaosReport[]): string[] {
  const [first] = runs;
  const machine = first ? `${first.machine.cores} cores, Node ${first.machine.node}` : '';
  const lines = runs.map((run) =>
    cells([
      run.seed,
      run.minutes,
      run.calls,
      sum(Object.values(run.faults)),
      run.acknowledged,
      run.lost,
      run.doubled,
      run.disordered,
      run.unfinished,
      sum(Object.values(run.leftOver)),
      `${run.reminders.lost} of ${run.reminders.registered}`,
    ]),
  );
  return [
    `${first?.workers ?? 0} workers, ${first?.atOnce ?? 0} calls at once, everything on one machine (${machine}).`,
    '',
    '| seed | minutes | calls | faults | turns acknowledged | lost | doubled | out of order | calls without end | left over | reminders lost |',
    '|---|---|---|---|---|---|---|---|---|---|---|',
    ...lines,
  ];
}

function costs(runs: readonly ChaosReport[]): string[] {
  const all = runs.flatMap(({ survival }) => survival);
  const order = [
    ...Object.keys(FAULTS),
    ...all.map(({ fault }) => fault).filter((fault) => !(fault in FAULTS)),
  ];
  const lines = [...new Set(order)].flatMap((fault) => {
    const rows = all.filter((row) => row.fault === fault);
    return rows.length === 0 ? [] : [cost(fault, rows)];
  });
  return [
    '| what fails | times | calls it met | call | turn: next acknowledgement, s | audio: socket back, s | transcript | reminder: next firing, s |',
    '|---|---|---|---|---|---|---|---|',
    ...lines,
  ];
}

function cost(fault: string, rows: readonly Row[]): string {
  const total = (pick: (row: Row) => number): number => sum(rows.map(pick));
  const calls = total(({ calls }) => calls);
  const cut = total(({ callsCut }) => callsCut);
  const gone = total(({ audioGone }) => audioGone);
  const lost = total(({ turnsLost }) => turnsLost);
  return cells([
    FAULTS[fault] ?? fault,
    total(({ faults }) => faults),
    calls,
    cut === 0 ? 'goes on' : `${calls - cut} go on, ${cut} end early`,
    spread(rows.flatMap(({ turnMs }) => turnMs)),
    `${spread(rows.flatMap(({ audioMs }) => audioMs))}${gone === 0 ? '' : `; not back: ${gone}`}`,
    lost === 0 ? 'nothing lost' : `${lost} turns lost`,
    spread(rows.flatMap(({ reminderMs }) => reminderMs)),
  ]);
}

function recoveryRows(recovery: unknown): string[] {
  const { rows } = benchSchema.parse(recovery);
  return [
    'One worker of several is killed while calls are live, again and again (`npm run bench -- recovery`):',
    '',
    '| | n | p50 | p95 | max |',
    '|---|---|---|---|---|',
    ...rows.map((row) =>
      'value' in row
        ? cells([`\`${row.name}\`, ${row.unit}`, '', row.value, '', ''])
        : cells([`\`${row.name}\`, ${row.unit}`, row.n, row.p50, row.p95, row.max]),
    ),
  ];
}

const READING = [
  'How to read it:',
  '',
  '- Times are p50 / p95 / greatest (number of measurements). Faults overlap: what a later one costs is in the times of the one before it.',
  '- **Calls it met**: those with their audio on that worker, for a fault of a worker; all live ones for the others. Ending early is what the caller did not mean to do: giving up on silence counts.',
  '- **Turn**: from the fault, or from the moment the turn was first offered if that was later, to the next `durable: true` of the call.',
  '- **Audio**: from the fault to the next media socket of the call, where it lost the one it had.',
  '- **Transcript**: turns that a proxy before the sidecar saw acknowledged as durable and that are in no document at the end.',
  "- **Reminder**: from the fault to the next firing of a call's reminder, whose period is 15 s there.",
];

const cells = (values: readonly (string | number)[]): string => `| ${values.join(' | ')} |`;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** p50 / p95 / max in seconds. */
function spread(values: readonly number[]): string {
  if (values.length === 0) return '–';
  const sorted = [...values].sort((a, b) => a - b);
  const seconds = (p: number): string => (percentile(sorted, p) / 1_000).toFixed(2);
  return `${seconds(50)} / ${seconds(95)} / ${seconds(100)} (${sorted.length})`;
}
