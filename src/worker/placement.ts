/**
 * A worker's place among the hosts of actors. Placement knows of an app through its sidecar's health probe: a worker
 * that is to go says that it is not healthy, while it still answers, and its actors are given to others (facts about
 * Dapr). From then on calls to actors through its own sidecar hang: whoever leaves has nothing left to ask of them.
 */
import { Agent, request } from 'undici';

export interface PlacementOptions {
  readonly daprHost: string;
  readonly daprHttpPort: number;
  readonly daprApiToken: string | undefined;
}

interface Metadata {
  readonly actorRuntime?: { readonly hostReady?: boolean };
}

const LOOK_MS = 100;
const DEADLINE_MS = 500;

export class PlacementSeat {
  readonly #options: PlacementOptions;
  #leaving = false;

  constructor(options: PlacementOptions) {
    this.#options = options;
  }

  /** What the sidecar's health probe is told. */
  get healthy(): boolean {
    return !this.#leaving;
  }

  /** Gives up the seat. true: the sidecar hosts no actors any more; false: not known within `patienceMs`. */
  async leave(patienceMs: number): Promise<boolean> {
    this.#leaving = true;
    const until = performance.now() + patienceMs;
    const agent = new Agent({ connections: 1 });
    try {
      while (performance.now() < until) {
        if ((await this.#hosting(agent)) === false) return true;
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
      return false;
    } finally {
      await agent.destroy();
    }
  }

  /** undefined: the sidecar does not answer. */
  async #hosting(agent: Agent): Promise<boolean | undefined> {
    const { daprHost, daprHttpPort, daprApiToken } = this.#options;
    try {
      const response = await request(`http://${daprHost}:${daprHttpPort}/v1.0/metadata`, {
        dispatcher: agent,
        headers: daprApiToken ? { 'dapr-api-token': daprApiToken } : {},
        signal: AbortSignal.timeout(DEADLINE_MS),
      });
      const { actorRuntime } = (await response.body.json()) as Metadata;
      return actorRuntime?.hostReady === true;
    } catch {
      return undefined;
    }
  }
}
