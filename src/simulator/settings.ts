import type { Faults } from './faults/grammar.js';
import { NO_FAULTS } from './faults/grammar.js';
import { DEFAULT_LATENCIES, type Latencies } from './latency.js';

/** How a simulator runs. Calls can override what concerns them. */
export interface SimulatorSettings {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Base64, as in a connection string. */
  readonly accessKey: string;
  /** Where IncomingCall is posted. */
  readonly incomingUrl: string | undefined;
  /** Sent with each Event Grid delivery, for instance a shared secret. */
  readonly incomingHeaders: Readonly<Record<string, string>>;
  readonly seed: number;
  readonly latencies: Latencies;
  readonly faults: Faults;
  /** Where the signing key is kept; undefined: a new key at each start. */
  readonly stateDir: string | undefined;
  /** Issuer of tokens; undefined: the simulator's own address. */
  readonly issuer: string | undefined;
  /** Audience of tokens: the id of the ACS resource. */
  readonly resourceId: string;
  /** Multiplies Event Grid's retry ladder (10 s, 30 s, 1 min, …). */
  readonly eventGridScale: number;
  /** Multiplies the waits between attempts of a callback (1 s, 3 s). */
  readonly callbackScale: number;
  readonly maxCalls: number;
  /** Finished calls of which the result is kept. */
  readonly keepCalls: number;
  /** Finished calls of which the recording is kept. */
  readonly keepRecordings: number;
}

/** Resource id of a simulator that was given none: fixed, for applications must name it as their audience. */
export const DEFAULT_RESOURCE_ID = '5151aced-0000-4000-8000-000000000001';

export const DEFAULT_SETTINGS: Omit<SimulatorSettings, 'accessKey'> = {
  host: '127.0.0.1',
  port: 0,
  incomingUrl: undefined,
  incomingHeaders: {},
  seed: 1,
  latencies: DEFAULT_LATENCIES,
  faults: NO_FAULTS,
  stateDir: undefined,
  issuer: undefined,
  resourceId: DEFAULT_RESOURCE_ID,
  eventGridScale: 1,
  callbackScale: 1,
  maxCalls: 2000,
  keepCalls: 1000,
  keepRecordings: 50,
};
