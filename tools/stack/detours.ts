/**
 * Ways between the parts of a stack that lead through somebody else's proxies, so that a test can watch or cut them.
 * The runner itself, the simulator and the stores take no detour.
 */
import type { Layout } from './layout.js';

export interface DetourTable {
  /**
   * Port of a proxy by the name of the port that it stands before (`Layout.byName`): `cosmos` and `scheduler` (for those
   * who ask these where they are), `worker-1-public`, `worker-1-app` (for other workers), `worker-1-dapr-http` (for the
   * worker's own app), and `worker-1-app-sidecar`: its app's port, for its own sidecar. On the way of one worker alone:
   * `worker-1:redis`, and so for `cosmos`, `simulator`, `placement`, `scheduler`.
   */
  readonly ports: Readonly<Record<string, number>>;
  /**
   * By worker: the address under which other sidecars reach this one's, on the same port. Of 127.0.0.0/8 and another
   * than 127.0.0.1, where the sidecar itself listens.
   */
  readonly sidecarHosts: Readonly<Record<string, string>>;
}

/** Opens the proxies once the ports are chosen, before anything is started. */
export type Detours = (layout: Layout) => Promise<DetourTable>;

interface Detoured {
  readonly detours?: DetourTable;
}

/** The port to be given to whoever wants to reach a listener; `worker`: to that one. */
export const via = (plan: Detoured, name: string, port: number, worker?: string): number =>
  (worker === undefined ? undefined : plan.detours?.ports[`${worker}:${name}`]) ??
  plan.detours?.ports[name] ??
  port;

/** The same for a URL with a port. */
export function viaUrl(plan: Detoured, name: string, url: string, worker: string): string {
  const port = plan.detours?.ports[`${worker}:${name}`];
  if (port === undefined) return url;
  const detour = new URL(url);
  detour.port = String(port);
  return detour.href.replace(/\/+$/, '');
}
