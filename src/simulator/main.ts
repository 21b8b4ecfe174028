import { parseArgs } from 'node:util';
import { messageOf, SimError } from './errors.js';
import { parseFaults } from './faults/grammar.js';
import { parseLatencies } from './latency.js';
import { type Simulator, startSimulator } from './server.js';
import { DEFAULT_SETTINGS, type SimulatorSettings } from './settings.js';

const USAGE = `node simulator/main.js --access-key BASE64 [options]
  --port P               port to listen on (default: any free one)
  --host H               address to bind (default 127.0.0.1)
  --incoming-url URL     where IncomingCall is posted
  --incoming-header H    "Name: value", sent with each Event Grid delivery; may be repeated
  --seed N               seed of latencies and faults (default 1)
  --latency L            none, default, or rest=50-150,socket=100-300,final=300-800,event=10-50 (ms)
  --faults F             faults of all calls, see docs/simulator.md
  --state-dir DIR        keeps the token signing key there
  --issuer URL           issuer of tokens (default: the simulator's address)
  --resource-id ID       audience of tokens
  --event-grid-scale X   multiplies Event Grid's retry waits (default 1)
  --callback-scale X     multiplies the callback retry waits (default 1)
  --max-calls N          refuses more calls at once (default ${DEFAULT_SETTINGS.maxCalls})
  --keep-calls N         finished calls remembered (default ${DEFAULT_SETTINGS.keepCalls})
  --keep-recordings N    recordings kept (default ${DEFAULT_SETTINGS.keepRecordings})
The access key may also come from the environment as RTVOICE_SIM_ACCESS_KEY.`;

const text = { type: 'string' } as const;

function readSettings(): Partial<SimulatorSettings> & Pick<SimulatorSettings, 'accessKey'> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      port: text,
      host: text,
      'access-key': text,
      'incoming-url': text,
      'incoming-header': { type: 'string', multiple: true },
      seed: text,
      latency: text,
      faults: text,
      'state-dir': text,
      issuer: text,
      'resource-id': text,
      'event-grid-scale': text,
      'callback-scale': text,
      'max-calls': text,
      'keep-calls': text,
      'keep-recordings': text,
    },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  }
  const accessKey = values['access-key'] ?? process.env.RTVOICE_SIM_ACCESS_KEY ?? '';
  if (accessKey === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(accessKey)) {
    throw new SimError('RTV_SIM_USAGE', '--access-key takes a key in base64');
  }
  const incomingUrl = values['incoming-url'];
  if (incomingUrl !== undefined && !URL.canParse(incomingUrl)) {
    throw new SimError('RTV_SIM_USAGE', '--incoming-url is not a URL');
  }
  return {
    accessKey,
    incomingUrl,
    host: values.host ?? DEFAULT_SETTINGS.host,
    port: number('port', values.port, DEFAULT_SETTINGS.port),
    incomingHeaders: headers(values['incoming-header'] ?? []),
    seed: number('seed', values.seed, DEFAULT_SETTINGS.seed),
    latencies: parseLatencies(values.latency ?? 'default'),
    faults: parseFaults(values.faults ?? ''),
    stateDir: values['state-dir'],
    issuer: values.issuer,
    resourceId: values['resource-id'] ?? DEFAULT_SETTINGS.resourceId,
    eventGridScale: number('event-grid-scale', values['event-grid-scale'], 1),
    callbackScale: number('callback-scale', values['callback-scale'], 1),
    maxCalls: number('max-calls', values['max-calls'], DEFAULT_SETTINGS.maxCalls),
    keepCalls: number('keep-calls', values['keep-calls'], DEFAULT_SETTINGS.keepCalls),
    keepRecordings: number('keep-recordings', values['keep-recordings'], DEFAULT_SETTINGS.keepRecordings),
  };
}

function number(name: string, value: string | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  const parsed = Number(value);
  if (value.trim() === '' || !(parsed >= 0)) throw new SimError('RTV_SIM_USAGE', `--${name} is not a number`);
  return parsed;
}

function headers(lines: readonly string[]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new SimError('RTV_SIM_USAGE', '--incoming-header is "Name: value"');
    result[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return result;
}

/** Prints one line of JSON on standard output and leaves it at that: others read it. */
async function main(): Promise<void> {
  let simulator: Simulator;
  try {
    simulator = await startSimulator(readSettings());
  } catch (error) {
    const code = error instanceof SimError ? error.code : 'RTV_SIM_USAGE';
    process.stderr.write(`${code} ${messageOf(error)}\n`);
    if (code === 'RTV_SIM_USAGE') process.stderr.write(`${USAGE}\n`);
    process.exitCode = code === 'RTV_SIM_PORT_IN_USE' ? 1 : 2;
    return;
  }
  const { url, jwksUrl, issuer, resourceId } = simulator;
  process.stdout.write(
    `${JSON.stringify({ event: 'listening', url, controlUrl: `${url}/simulator`, jwksUrl, issuer, resourceId, pid: process.pid })}\n`,
  );
  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    simulator.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

await main();
