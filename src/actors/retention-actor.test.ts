import { expect, test } from 'vitest';
import { ActorHost } from './host.js';
import { RetentionInstance, RetentionRuns, retentionMethods, startRetention } from './retention-actor.js';

const quiet = { error: () => undefined, warn: () => undefined };

test('one run at a time, failures are told, and stopping ends the one under way', async () => {
  const failures: unknown[] = [];
  const ends: ((cause?: Error) => void)[] = [];
  let aborted = 0;
  const runs = new RetentionRuns({
    auditTtls: (signal) =>
      new Promise((resolve, reject) => {
        ends.push((cause) => (cause ? reject(cause) : resolve()));
        signal.addEventListener('abort', () => {
          aborted += 1;
          resolve();
        });
      }),
    failed: (cause) => failures.push(cause),
  });
  const host = new ActorHost(
    'RetentionActor',
    (id) => new RetentionInstance(id, runs),
    retentionMethods,
    quiet,
  );
  const audit = () => host.dispatch('retention', 'audit', {});
  expect(await audit()).toEqual({ ok: true, started: true });
  expect(await audit()).toEqual({ ok: true, started: false });
  // Placement moved the actor away and back: the run goes on, and stays the only one.
  host.dropAll();
  expect(await audit()).toEqual({ ok: true, started: false });
  ends[0]?.(new Error('away'));
  await expect.poll(() => failures.length).toBe(1);
  expect(await audit()).toEqual({ ok: true, started: true });
  await runs.stop();
  expect(aborted).toBe(1);
  expect(await audit()).toEqual({ ok: true, started: false });
});

test('registers one recurring reminder', async () => {
  const registered: unknown[] = [];
  const registerReminder = async (...args: unknown[]) => {
    registered.push(args);
    return true;
  };
  expect(await startRetention({ registerReminder })).toBe(true);
  expect(registered).toEqual([['RetentionActor', 'retention', 'audit', 300]]);
});
