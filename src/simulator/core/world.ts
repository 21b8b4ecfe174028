import type { Speech } from '../caller/speech.js';
import type { FrameClock } from '../clock.js';
import type { Poster } from '../events/poster.js';
import type { TokenSigner } from '../events/tokens.js';
import type { FaultPlan } from '../faults/plan.js';
import type { Chance } from '../random.js';
import type { SimulatorSettings } from '../settings.js';
import type { Callees } from './callees.js';
import type { Registry } from './registry.js';
import type { Stats } from './stats.js';
import type { Tasks } from './tasks.js';

/** All that the calls of one simulator share. */
export interface World {
  readonly settings: SimulatorSettings;
  readonly clock: FrameClock;
  readonly poster: Poster;
  readonly signer: TokenSigner;
  readonly speech: Speech;
  readonly registry: Registry;
  readonly callees: Callees;
  readonly stats: Stats;
  readonly tasks: Tasks;
  /** Faults of requests that belong to no call. */
  readonly plan: FaultPlan;
  readonly chance: Chance;
  /** Aborts when the simulator ends. */
  readonly signal: AbortSignal;
}
