/** Ways to try an operation on the call that the trials of one kind share. */
import { expect } from 'vitest';
import type { ControlDesk, QuietCall } from './desk.js';

/** One try of an operation, named after what makes its outcome. */
export interface Trial {
  readonly by: string;
  /** `call` is shared with all trials of the kind, in the order of the table. */
  run(desk: ControlDesk, call: Pick<QuietCall, 'id'>, kind: string): Promise<void>;
}

/** What each operation is tried for. */
export interface Trials {
  readonly succeeds: readonly Trial[];
  readonly fails: readonly Trial[];
  readonly neverComes: readonly Trial[];
}

const NEVER_MS = 1_500;

export const trial = (by: string, run: Trial['run']): Trial => ({ by, run });

/** It succeeds, and can be found under its address. */
export const succeeds = (args: object = {}): Trial =>
  trial('its event or answer', async (desk, call, kind) => {
    const answer = await desk.outcome(call.id, kind, args);
    expect(answer).toMatchObject({ status: 200, body: { kind, state: 'settled', status: 'succeeded' } });
    expect(answer.location).toBe(`/api/calls/${call.id}/operations/${answer.body.id}`);
  });

/** ACS refuses the request. */
export const refused = (args: object, code: string): Trial =>
  trial(`a refusal, ${code}`, async (desk, call, kind) => {
    const answer = await desk.outcome(call.id, kind, args);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.body.code).toBe(code);
    expect((await desk.again(answer)).body).toMatchObject({ kind, state: 'settled', status: 'failed', code });
  });

/** ACS takes the request, and says by an event that it came to nothing. */
export const failsLater = (args: object): Trial =>
  trial('its event', async (desk, call, kind) => {
    const answer = await desk.outcome(call.id, kind, args);
    expect(answer).toMatchObject({ status: 200, body: { kind, state: 'settled', status: 'failed' } });
    expect(answer.body.result?.code).toBeGreaterThanOrEqual(400);
  });

/** ACS is busy for longer than anybody waits. */
export const busy = (rest: string, args: object = {}): Trial =>
  trial('a busy ACS', async (desk, _call, kind) => {
    const other = await desk.quietCall({ faults: `error503.${rest}=1,retryAfter=9` });
    expect(await desk.outcome(other.id, kind, args)).toMatchObject({
      status: 503,
      body: { code: 'RTV_ACS_BUSY' },
    });
    await other.end();
  });

/** A stream that is on is started, or one that is off is stopped or changed. */
export const refusedAfter = (before: string, args: object, after?: string): Trial =>
  trial(`a refusal after ${before}`, async (desk, call, kind) => {
    expect((await desk.outcome(call.id, before)).body.status).toBe('succeeded');
    await refused(args, 'RTV_ACS_MEDIA_INCOMPATIBLE').run(desk, call, kind);
    if (after) expect((await desk.outcome(call.id, after)).body.status).toBe('succeeded');
  });

/** Nothing more is heard of it: its deadline is its outcome. */
export const timesOut = (args: object = {}): Trial =>
  trial('its deadline', async (desk, call, kind) => {
    expect(await desk.outcome(call.id, kind, args, NEVER_MS)).toMatchObject({
      status: 200,
      body: { kind, state: 'settled', status: 'timed_out' },
    });
  });

/** The same for the start of a stream, which must have been stopped. */
export const startTimesOut = (stop: string, started: string): Trial =>
  trial('its deadline', async (desk, _call, kind) => {
    const other = await desk.quietCall({ faults: `drop.${started}=1` });
    expect((await desk.outcome(other.id, stop)).body.status).toBe('succeeded');
    expect((await desk.outcome(other.id, kind, {}, NEVER_MS)).body.status).toBe('timed_out');
    await other.end();
  });

/** A trial on a call of its own, of this setup. */
export const onItsOwn = (faults: string, inner: Trial): Trial =>
  trial(inner.by, async (desk, _call, kind) => {
    const other = await desk.quietCall({ faults });
    await inner.run(desk, other, kind);
    await other.end();
  });

/** On a recording, started for it and quiet about itself. */
export const recordingTimesOut = trial('its deadline', async (desk, call, kind) => {
  const started = await desk.api('POST', `/calls/${call.id}/startRecording?deadlineMs=${NEVER_MS}`);
  const { recordingId } = (await desk.again(started)).body;
  await timesOut({ recordingId }).run(desk, call, kind);
});

/** On the recording of the shared call that was started last. */
export const recordingSucceeds = trial('its event', async (desk, call, kind) => {
  const started = (await desk.operations(call.id)).filter((one) => one.kind === 'startRecording').at(-1);
  expect(started?.recordingId).toBeTruthy();
  await succeeds({ recordingId: started?.recordingId }).run(desk, call, kind);
});
