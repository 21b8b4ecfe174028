import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeWav, encodeWav } from '../../src/audio/wav.js';
import type { CallResult } from '../../src/simulator/core/report.js';
import type { LoadSummary } from '../../src/simulator/load.js';
import { TestApp } from './app.js';
import { type SimulatorProcess, startSimulatorProcess } from './process.js';

const COMMAND = new URL('../../dist/src/cli/simulate.js', import.meta.url).href;
const RUN = `import('${COMMAND}').then(({ simulateCommand }) => simulateCommand().parseAsync(process.argv.slice(1), { from: 'user' }))`;

let simulator: SimulatorProcess;
let app: TestApp;
let dir: string;

beforeAll(async () => {
  simulator = await startSimulatorProcess();
  app = await new TestApp({ connectionString: simulator.connectionString }).listen();
  dir = mkdtempSync(join(tmpdir(), 'simulate-'));
  writeFileSync(join(dir, 'script.json'), JSON.stringify([{ say: 'Hello there.' }]));
});
afterAll(async () => {
  await app.close();
  await simulator.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function cli(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, ['-e', RUN, '--', ...args], {
    env: { ...process.env, RTVOICE_STATE_DIR: dir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (data: Buffer) => {
    out += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    err += data.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, out, err };
}

const here = (): string[] => ['--acs', simulator.url, '--incoming', `${app.url}/incoming`];

describe('simulate call', () => {
  it('prints one JSON object with the turns, and records', async () => {
    const wav = join(dir, 'out.wav');
    const { code, out } = await cli(
      'call',
      ...here(),
      '--script',
      join(dir, 'script.json'),
      '--json',
      '--record',
      wav,
    );
    expect(code).toBe(0);
    const result = JSON.parse(out) as CallResult;
    expect(result.turns.map(({ role, text }) => [role, text])).toEqual([
      ['agent', ''],
      ['user', 'Hello there.'],
      ['agent', ''],
    ]);
    expect(result).toMatchObject({ outcome: 'completed', latency: 'none' });
    expect(result.audio.framesSent).toBeGreaterThan(50);
    expect(result.audio.framesReceived).toBe(20);
    const { pcm, sampleRate, channels } = decodeWav(readFileSync(wav));
    expect([sampleRate, channels]).toEqual([16000, 1]);
    expect(Math.abs(pcm.length / 32 - result.durationMs)).toBeLessThan(500);
  });

  it('prints the call for people, turn by turn, with the latencies it simulated', async () => {
    const { code, out } = await cli('call', ...here(), '--script', join(dir, 'script.json'));
    expect(code).toBe(0);
    expect(out).toMatch(/ringing .*\n.*answered .*\n.*connected/);
    expect(out).toMatch(/caller +Hello there\./);
    expect(out).toMatch(/reply heard \d+ ms/);
    expect(out).toContain('simulated latency  none');
  });

  it('plays a recording with its text, found beside the script', async () => {
    const pcm = Buffer.alloc(16_000);
    for (let at = 0; at < pcm.length; at += 2) pcm.writeInt16LE(at % 64 < 32 ? 5000 : -5000, at);
    writeFileSync(join(dir, 'person.wav'), encodeWav(pcm, 8000));
    writeFileSync(
      join(dir, 'wav.json'),
      JSON.stringify({ lines: [{ wav: 'person.wav', text: 'I am a person.' }] }),
    );
    const { code, out } = await cli('call', ...here(), '--script', join(dir, 'wav.json'), '--json');
    expect(code).toBe(0);
    const user = (JSON.parse(out) as CallResult).turns.find((turn) => turn.role === 'user');
    expect(user?.text).toBe('I am a person.');
    expect((user?.endedMs ?? 0) - (user?.startedMs ?? 0)).toBe(1000);
    const transcripts = app.transcripts.map(
      (message) => message.transcriptionData as { text?: string } | undefined,
    );
    expect(transcripts.at(-1)?.text).toBe('I am a person.');
  });

  it('ends with 1 for a failed call, 2 for wrong usage, 3 without a simulator', async () => {
    const failed = await cli(
      'call',
      '--acs',
      simulator.url,
      '--incoming',
      `${app.url.replace(/\d+$/, '9')}/x`,
      '--faults',
      'drop.IncomingCall=1',
      '--json',
      '--ring',
      '300',
    );
    expect(failed.code).toBe(1);
    expect(JSON.parse(failed.out)).toMatchObject({ outcome: 'unanswered', turns: [] });
    expect((await cli('call', ...here(), '--faults', 'nonsense=1')).code).toBe(2);
    expect((await cli('call', ...here(), '--script', join(dir, 'missing.json'))).code).toBe(2);
    expect((await cli('call', '--nonsense')).code).toBe(2);
    const nowhere = await cli('call', '--acs', 'http://127.0.0.1:9');
    expect(nowhere.code).toBe(3);
    expect(nowhere.err).toContain('RTV_SIM_UNREACHABLE');
    expect((await cli('call')).code).toBe(3);
  });
});

describe('simulate load', () => {
  it('sums up many calls with percentiles', async () => {
    const { code, out } = await cli(
      'load',
      ...here(),
      ...['--script', join(dir, 'script.json'), '--calls', '6', '--rate', '20', '--seed', '11', '--json'],
    );
    expect(code).toBe(0);
    const summary = JSON.parse(out) as LoadSummary;
    expect(summary).toMatchObject({ calls: 6, completed: 6, outcomes: { completed: 6 }, errors: {} });
    expect(summary.turns.user).toBe(6);
    expect(summary.latencies.incomingToAnswer).toMatchObject({ n: 6 });
    expect(summary.simulated).toMatchObject({ latency: 'none', seed: 11 });
  });

  it('wants a number or a duration', async () => {
    expect((await cli('load', ...here())).code).toBe(2);
    const timed = await cli(
      'load',
      ...here(),
      ...['--script', join(dir, 'script.json'), '--duration', '500ms', '--rate', '4'],
    );
    expect(timed.code).toBe(0);
    expect(timed.out).toMatch(/^[23] calls in/);
  });
});
