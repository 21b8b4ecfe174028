import { z } from 'zod';
import { DEMO_SCRIPT, parseScript, type Script } from '../caller/script.js';
import { type Faults, parseFaults } from '../faults/grammar.js';
import { type Latencies, parseLatencies } from '../latency.js';
import type { SimulatorSettings } from '../settings.js';

const E164 = z.string().regex(/^\+[1-9]\d{4,14}$/, 'a number in E.164 form, as +15550100');

/** What a request to place a call may say; all of it is optional. Times in ms. */
export const placeCallSchema = z.strictObject({
  script: z.unknown().optional(),
  seed: z.number().int().min(0).max(0xffff_ffff).optional(),
  faults: z.string().max(2000).optional(),
  latency: z.string().max(200).optional(),
  incomingUrl: z.url({ protocol: /^https?$/ }).optional(),
  voice: z.string().max(20).optional(),
  from: E164.optional(),
  to: E164.optional(),
  callerName: z.string().max(100).optional(),
  customContext: z.record(z.string(), z.unknown()).optional(),
  /** Keeps what was said and heard. */
  record: z.boolean().optional(),
  /** How long the caller waits for the agent to begin. */
  patienceMs: z.number().int().min(100).max(600_000).optional(),
  /** Silence after which the agent counts as having ended. */
  agentSilenceMs: z.number().int().min(100).max(10_000).optional(),
  /** How long the caller lets it ring. */
  ringMs: z.number().int().min(100).max(600_000).optional(),
  /** The caller hangs up after this in any case. */
  maxMs: z.number().int().min(1000).max(3_600_000).optional(),
  /** The call goes on when the client that placed it goes away. */
  detach: z.boolean().optional(),
});

export type PlaceCall = z.infer<typeof placeCallSchema>;

/** A call's setup with all defaults filled in. */
export interface CallSetup {
  readonly script: Script;
  readonly seed: number;
  readonly faults: Faults;
  readonly latencies: Latencies;
  readonly incomingUrl: string | undefined;
  readonly voice: string;
  readonly from: string;
  readonly to: string;
  readonly callerName: string;
  readonly customContext: Readonly<Record<string, unknown>> | undefined;
  readonly record: boolean;
  readonly patienceMs: number;
  readonly agentSilenceMs: number;
  readonly ringMs: number;
  readonly maxMs: number;
}

/** Another voice than the agent's. */
export const DEFAULT_VOICE = 'rms';
const DEFAULT_FROM = '+15550100';
const DEFAULT_TO = '+15550199';

/** Fills in what a request leaves open. Throws SimError for a bad script, faults or latency. */
export function resolveSetup(request: PlaceCall, settings: SimulatorSettings, seed: number): CallSetup {
  const script = request.script === undefined ? DEMO_SCRIPT : parseScript(request.script);
  return {
    script,
    seed: request.seed ?? seed,
    faults: request.faults === undefined ? settings.faults : parseFaults(request.faults),
    latencies:
      request.latency === undefined
        ? settings.latencies
        : parseLatencies(request.latency, settings.latencies),
    incomingUrl: request.incomingUrl ?? settings.incomingUrl,
    voice: request.voice ?? script.voice ?? DEFAULT_VOICE,
    from: request.from ?? DEFAULT_FROM,
    to: request.to ?? DEFAULT_TO,
    callerName: request.callerName ?? script.callerName ?? '',
    customContext: request.customContext,
    record: request.record ?? true,
    patienceMs: request.patienceMs ?? 15_000,
    agentSilenceMs: request.agentSilenceMs ?? 700,
    ringMs: request.ringMs ?? 60_000,
    maxMs: request.maxMs ?? 900_000,
  };
}
