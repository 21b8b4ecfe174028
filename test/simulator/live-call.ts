import type { CallConnection } from '@azure/communication-call-automation';
import type { CallResult } from '../../src/simulator/core/report.js';
import type { PlaceCall } from '../../src/simulator/core/setup.js';
import { type TestApp, until } from './app.js';
import type { SimulatorProcess } from './process.js';

/** A connected call whose caller waits quietly until it is ended. */
export interface LiveCall {
  readonly id: string;
  readonly connection: CallConnection;
  readonly result: Promise<CallResult>;
  /** The caller hangs up, if the call still lives. */
  end(): Promise<CallResult>;
}

/** Places a call, waits until it is connected and, unless told otherwise, until both sockets are open. */
export async function openCall(
  simulator: SimulatorProcess,
  app: TestApp,
  call: PlaceCall = {},
  ready: () => boolean = () =>
    app.of('MediaStreamingStarted').length > 0 && app.of('TranscriptionStarted').length > 0,
): Promise<LiveCall> {
  const before = app.callIds.length;
  const result = simulator.client.placeCall({
    script: [{ waitMs: 60_000 }],
    incomingUrl: `${app.url}/incoming`,
    patienceMs: 60_000,
    ...call,
  });
  const failed = result.then(
    (early) => {
      throw new Error(`the call ended early: ${early.outcome} ${early.detail ?? ''}`);
    },
    (error: unknown) => {
      throw error;
    },
  );
  const connected = until(
    'the call is connected',
    () => app.callIds.length > before && app.of('CallConnected').length > before && ready(),
  );
  failed.catch(() => undefined);
  await Promise.race([connected, failed]);
  const id = app.callIds[before] ?? '';
  return {
    id,
    connection: app.client.getCallConnection(id),
    result,
    end: async () => {
      await simulator.client.json('DELETE', `/calls/${id}`);
      return result;
    },
  };
}
