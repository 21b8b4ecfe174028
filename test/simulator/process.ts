import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SimulatorClient } from '../../src/simulator/client.js';

const MAIN = fileURLToPath(new URL('../../dist/src/simulator/main.js', import.meta.url));

/** A simulator in a process of its own, as the stack starts it. */
export interface SimulatorProcess {
  readonly url: string;
  readonly connectionString: string;
  readonly accessKey: string;
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly resourceId: string;
  readonly client: SimulatorClient;
  stop(): Promise<void>;
}

/** Starts the built simulator without latencies, unless the arguments say otherwise. */
export async function startSimulatorProcess(args: readonly string[] = []): Promise<SimulatorProcess> {
  const accessKey = randomBytes(32).toString('base64');
  const latency = args.includes('--latency') ? [] : ['--latency', 'none'];
  const child = spawn(process.execPath, [MAIN, '--access-key', accessKey, ...latency, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const line = await firstLine(child);
  const { url, jwksUrl, issuer, resourceId } = JSON.parse(line) as Record<string, string>;
  const client = new SimulatorClient(url ?? '');
  return {
    url: url ?? '',
    connectionString: `endpoint=${url}/;accesskey=${accessKey}`,
    accessKey,
    jwksUrl: jwksUrl ?? '',
    issuer: issuer ?? '',
    resourceId: resourceId ?? '',
    client,
    stop: async () => {
      await client.close();
      if (child.exitCode !== null) return;
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await exited;
      clearTimeout(timer);
    },
  };
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let errors = '';
    child.stderr?.on('data', (data: Buffer) => {
      errors += data.toString();
    });
    child.once('exit', (code) => reject(new Error(`the simulator ended with ${code}: ${errors}`)));
    if (child.stdout) createInterface({ input: child.stdout }).once('line', resolve);
  });
}
