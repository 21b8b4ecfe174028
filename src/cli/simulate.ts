import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { readStack, stateDirOf } from '../ops/stack-file.js';
import { SimulatorClient } from '../simulator/client.js';
import type { PlaceCall } from '../simulator/core/setup.js';
import { messageOf, SimError } from '../simulator/errors.js';
import { type LoadSummary, runLoad } from '../simulator/load.js';
import { printCallLine, printLoad, printLoadProgress, printResult } from './simulate-print.js';

/** Exit codes of both commands. */
const EXIT = { completed: 0, failed: 1, usage: 2, noSimulator: 3 } as const;
const USAGE_CODES = new Set([
  'RTV_SIM_USAGE',
  'RTV_SIM_SCRIPT_INVALID',
  'RTV_SIM_FAULTS_INVALID',
  'RTV_SIM_LATENCY_INVALID',
  'RTV_SIM_WAV_INVALID',
  'RTV_SIM_REQUEST_INVALID',
  'RTV_SIM_NO_INCOMING_URL',
]);

interface CallFlags {
  acs?: string;
  incoming?: string;
  script?: string;
  voice?: string;
  faults?: string;
  latency?: string;
  seed?: number;
  from?: string;
  to?: string;
  patience?: number;
  ring?: number;
  json?: boolean;
}

/** `rtvoice simulate`: `call` places one call, `load` a series; both drive a simulator that is running. */
export function simulateCommand(): Command {
  const simulate = new Command('simulate').description('place calls through the ACS simulator');
  callFlags(simulate.command('call'))
    .description('place one call and print it turn by turn')
    .option('--record <out.wav>', 'write what the caller heard to this file')
    .option('--stereo', 'record both sides: caller left, agent right')
    .action(async (flags: CallFlags & { record?: string; stereo?: boolean }) => {
      await run(flags, (client, call) => placeOne(client, call, flags));
    });
  callFlags(simulate.command('load'))
    .description('place many calls and print a summary')
    .option('--calls <n>', 'calls in all', wholeNumber)
    .option('--rate <r>', 'new calls a second', positive, 1)
    .option('--duration <d>', 'place calls for this long: 90, 90s, 5m', duration)
    .option('--max-live <n>', 'calls at once', wholeNumber, 500)
    .action(async (flags: CallFlags & LoadFlags) => {
      await run(flags, (client, call) => placeMany(client, call, flags));
    });
  return simulate;
}

interface LoadFlags {
  calls?: number;
  rate: number;
  duration?: number;
  maxLive: number;
}

function callFlags(command: Command): Command {
  return command
    .option('--acs <url>', 'address of the simulator (default: that of the running stack)')
    .option('--incoming <url>', 'where IncomingCall goes (default: that of the running stack)')
    .option('--script <file>', 'what the caller says and does, JSON (default: an insurance claim)')
    .option('--voice <name>', "the caller's voice")
    .option('--faults <list>', 'what goes wrong, for instance duplicate=0.1,socketCut@5000')
    .option('--latency <list>', 'none, default, or rest=50-150,socket=100-300,final=300-800 (ms)')
    .option('--seed <n>', 'seed of faults and latencies', wholeNumber)
    .option('--from <number>', "the caller's number")
    .option('--to <number>', 'the number called')
    .option('--patience <ms>', 'how long the caller waits for the agent to begin', wholeNumber)
    .option('--ring <ms>', 'how long the caller lets it ring', wholeNumber)
    .option('--json', 'print one JSON object')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT.usage));
}

async function run(
  flags: CallFlags,
  work: (client: SimulatorClient, call: PlaceCall) => Promise<number>,
): Promise<void> {
  let client: SimulatorClient | undefined;
  try {
    const stack = readStack(stateDirOf(process.env));
    const url = flags.acs ?? stack?.acs.controlUrl;
    if (url === undefined) {
      throw new SimError('RTV_SIM_UNREACHABLE', 'no stack is running here; name a simulator with --acs URL');
    }
    client = new SimulatorClient(url);
    const incoming = flags.incoming ?? (flags.acs === undefined ? stack?.incomingUrl : undefined);
    process.exitCode = await work(client, requestOf(flags, incoming));
  } catch (error) {
    const code = error instanceof SimError ? error.code : 'RTV_SIM_UNREACHABLE';
    process.stderr.write(`${code} ${messageOf(error)}\n`);
    if (USAGE_CODES.has(code)) process.exitCode = EXIT.usage;
    else process.exitCode = code === 'RTV_SIM_UNREACHABLE' ? EXIT.noSimulator : EXIT.failed;
  } finally {
    await client?.close();
  }
}

function requestOf(flags: CallFlags, incomingUrl: string | undefined): PlaceCall {
  return {
    ...(flags.script === undefined ? {} : { script: readScript(flags.script) }),
    ...(incomingUrl === undefined ? {} : { incomingUrl }),
    ...(flags.voice === undefined ? {} : { voice: flags.voice }),
    ...(flags.faults === undefined ? {} : { faults: flags.faults }),
    ...(flags.latency === undefined ? {} : { latency: flags.latency }),
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
    ...(flags.from === undefined ? {} : { from: flags.from }),
    ...(flags.to === undefined ? {} : { to: flags.to }),
    ...(flags.patience === undefined ? {} : { patienceMs: flags.patience }),
    ...(flags.ring === undefined ? {} : { ringMs: flags.ring }),
  };
}

async function placeOne(
  client: SimulatorClient,
  call: PlaceCall,
  flags: CallFlags & { record?: string; stereo?: boolean },
): Promise<number> {
  const aborted = new AbortController();
  const stop = (): void => aborted.abort();
  process.once('SIGINT', stop);
  try {
    const result = await client.placeCall(
      { ...call, record: flags.record !== undefined },
      flags.json ? undefined : printCallLine,
      aborted.signal,
    );
    if (flags.record !== undefined && result.durationMs > 0) {
      await writeFile(flags.record, await client.recording(result.callConnectionId, flags.stereo ? 2 : 1));
    }
    if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    else printResult(result, flags.record);
    return result.outcome === 'completed' ? EXIT.completed : EXIT.failed;
  } finally {
    process.off('SIGINT', stop);
  }
}

async function placeMany(
  client: SimulatorClient,
  call: PlaceCall,
  flags: CallFlags & LoadFlags,
): Promise<number> {
  if (flags.calls === undefined && flags.duration === undefined) {
    throw new SimError('RTV_SIM_USAGE', 'say how many: --calls N, or how long: --duration D');
  }
  // One small call to the simulator first: a wrong address should not look like a series of failed calls.
  await client.json('GET', '/health');
  const aborted = new AbortController();
  const stop = (): void => aborted.abort();
  process.once('SIGINT', stop);
  let summary: LoadSummary;
  try {
    summary = await runLoad(client, {
      calls: flags.calls,
      rate: flags.rate,
      durationMs: flags.duration,
      maxLive: flags.maxLive,
      call,
      seed: flags.seed ?? 1,
      signal: aborted.signal,
      ...(flags.json ? {} : { onCall: printLoadProgress }),
    });
  } finally {
    process.off('SIGINT', stop);
  }
  if (flags.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else printLoad(summary);
  return summary.completed === summary.calls ? EXIT.completed : EXIT.failed;
}

/** Reads a script; the WAV files that it names lie relative to it. */
function readScript(file: string): unknown {
  let script: unknown;
  try {
    script = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new SimError('RTV_SIM_SCRIPT_INVALID', `${file}: ${messageOf(error)}`, { cause: error });
  }
  const base = dirname(resolve(file));
  const withPaths = (line: unknown): unknown =>
    typeof line === 'object' && line !== null && 'wav' in line && typeof line.wav === 'string'
      ? { ...line, wav: resolve(base, line.wav) }
      : line;
  if (Array.isArray(script)) return script.map(withPaths);
  if (typeof script === 'object' && script !== null && 'lines' in script && Array.isArray(script.lines)) {
    return { ...script, lines: script.lines.map(withPaths) };
  }
  return script;
}

function wholeNumber(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('a whole number is wanted');
  return Number(value);
}

function positive(value: string): number {
  const number = Number(value);
  if (!(number > 0) || number > 1000) throw new InvalidArgumentError('a number above 0, at most 1000');
  return number;
}

function duration(value: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(value);
  if (!match) throw new InvalidArgumentError('a time such as 90s or 5m');
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] ?? 's'] ?? 1000;
  return Number(match[1]) * unit;
}
