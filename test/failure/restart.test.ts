/** Everything killed in mid-call and started again: what was acknowledged is in the transcript, the call is closed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTurn, revealTranscript } from '../../src/actors/call-record.js';
import { isSameProcess, type ProcessRecord, readStack } from '../../src/ops/stack-file.js';
import { RedisKeyManager } from '../../src/stores/keys.js';
import { eventually, ROOT, StackView, testEnvironment } from '../support/stack.js';

const keys = new RedisKeyManager({ environment: 'dev' });
const LIVE = keys.systemKey('calls', 'live');

interface Acknowledged {
  readonly seq: number;
  readonly turnId: string;
  readonly text: string;
}

let stateDir = '';
let runner: ChildProcess | undefined;
let view: StackView | undefined;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'rtvoice-restart-'));
});

afterAll(async () => {
  await view?.close();
  if (runner && runner.exitCode === null && runner.signalCode === null) {
    const gone = new Promise((resolve) => runner?.once('exit', resolve));
    runner.kill('SIGTERM');
    await gone;
  }
  if (!process.env.RTVOICE_KEEP) await rm(stateDir, { recursive: true, force: true });
});

/** The runner as `npm start` runs it, in a process of its own. */
async function start(): Promise<StackView> {
  const env = Object.fromEntries(
    Object.entries({ ...process.env, ...testEnvironment() }).filter(([, value]) => value !== undefined),
  );
  const main = join(ROOT, 'dist/tools/stack/main.js');
  const started = spawn(process.execPath, [main, '--no-demo', '--state', stateDir], {
    cwd: ROOT,
    env,
    stdio: 'ignore',
  });
  runner = started;
  await eventually(
    'the stack is ready',
    () => {
      if (started.exitCode !== null) throw new Error(`the runner ended with ${started.exitCode}`);
      const info = readStack(stateDir);
      return info?.ready === true && info.runner?.pid === started.pid;
    },
    120_000,
  );
  return StackView.open(stateDir);
}

/** SIGKILL to the runner and to every process it started. */
async function killEverything(from: StackView): Promise<ProcessRecord[]> {
  const { runner: own, children } = from.info;
  const all = [...(own ? [own] : []), ...children].filter(isSameProcess);
  for (const { pid } of all) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // The kernel ended it with its parent.
    }
  }
  await eventually('every process is gone', () => !all.some(isSameProcess), 10_000, 20);
  return all;
}

describe('kill -9 of the whole stack in mid-call', () => {
  let callId = '';
  let acknowledged: Acknowledged[] = [];

  it('finds a call with some turns and ends all of its processes', async () => {
    view = await start();
    const { redis, seal } = view;
    // Nobody is left to tell how this call ended.
    const lost = view.place().catch((error: unknown) => error);
    const history = await eventually(
      'five acknowledged turns',
      async () => {
        [callId = ''] = await redis.zrange(LIVE, 0, '-1');
        const entries = callId ? await redis.hgetall(keys.conversationKey(callId, 'history')) : {};
        return Object.keys(entries).filter((field) => /^\d+$/.test(field)).length >= 5 ? entries : undefined;
      },
      90_000,
      50,
    );
    const killed = await killEverything(view);
    // Runner, Redis, Cosmos, placement, scheduler, simulator, front door, two workers and two sidecars.
    expect(killed.length).toBe(11);
    expect(await lost).toBeInstanceOf(Error);
    acknowledged = Object.entries(history)
      // Beside the turns, by number, the journal names whose they are.
      .filter(([field]) => /^\d+$/.test(field))
      .map(([seq, payload]) => {
        const opened = openTurn(seal, callId, { seq: Number(seq), payload });
        if (!opened?.readable) throw new Error('a turn of the journal cannot be read');
        const { turnId, text } = opened.held.turn;
        return { seq: Number(seq), turnId, text };
      })
      .sort((a, b) => a.seq - b.seq);
    expect(acknowledged.map(({ seq }) => seq)).toEqual(acknowledged.map((_, index) => index + 1));
    await view.close();
    view = undefined;
  });

  it('after the next start the acknowledged turns are in the transcript and the call is closed', async () => {
    view = await start();
    const again = view;
    // The reminder wakes the call; ACS is asked once it has been silent for a minute, and knows it no longer.
    await eventually(
      'the call is closed',
      async () => (await again.redis.exists(keys.callKey(callId, 'summary'))) === 1,
      180_000,
      500,
    );
    await eventually('nothing is live', async () => (await again.redis.zcard(LIVE)) === 0, 15_000);
    await eventually('its reminder is gone', async () => !(await again.hasReminder(callId)), 60_000);
    const { turns, summaries } = await again.transcript(callId);
    expect(turns.map(({ seq }) => seq)).toEqual(turns.map((_, index) => index + 1));
    expect(new Set(turns.map(({ turnId }) => turnId)).size).toBe(turns.length);
    const kept = turns.slice(0, acknowledged.length).map(({ seq, turnId, transcript }) => ({
      seq,
      turnId,
      text: revealTranscript(again.seal, callId, turnId, transcript),
    }));
    expect(acknowledged.length).toBeGreaterThanOrEqual(5);
    expect(kept).toEqual(acknowledged);
    expect(summaries).toHaveLength(1);
    expect(summaries[0]).toMatchObject({ turns: turns.length, lastSeq: turns.length });
    for (const { id } of again.info.workers) {
      expect(await again.redis.smembers(keys.workerKey(id, 'affinity'))).not.toContain(callId);
    }
  });

  it('and a new call goes through', async () => {
    const result = await view?.place({
      script: [{ say: 'Hello, I would like to report a claim.' }, { say: 'That is all. Goodbye.' }],
    });
    expect(result).toMatchObject({ outcome: 'completed', noReplies: 0 });
  });
});
