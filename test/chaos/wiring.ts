/** Puts the network and the taps between the parts of a stack. */
import type { DetourTable } from '../../tools/stack/detours.js';
import type { Layout } from '../../tools/stack/layout.js';
import { Network, type NetworkHooks, type Route } from './network.js';
import type { Recorder } from './recorder.js';
import { openTap, type Tap } from './tap.js';

export interface Wiring {
  readonly network: Network;
  readonly detours: DetourTable;
  close(): Promise<void>;
}

export async function openWiring(layout: Layout, recorder: Recorder, hooks: NetworkHooks): Promise<Wiring> {
  const network = await Network.open(routesOf(layout), hooks);
  const taps: Tap[] = [];
  const ports: Record<string, number> = { ...network.ports };
  for (const [index, { id, app, daprHttp }] of layout.workers.entries()) {
    const worker = index + 1;
    const towardsSidecar = await openTap(daprHttp, recorder.towardsSidecar(worker));
    const towardsApp = await openTap(app, recorder.towardsApp(worker));
    taps.push(towardsSidecar, towardsApp);
    ports[`${id}-dapr-http`] = towardsSidecar.port;
    ports[`${id}-app-sidecar`] = towardsApp.port;
  }
  const sidecarHosts = Object.fromEntries(layout.workers.map(({ id }, index) => [id, hostOf(index + 1)]));
  return {
    network,
    detours: { ports, sidecarHosts },
    close: async () => {
      await Promise.all([network.close(), ...taps.map((tap) => tap.close())]);
    },
  };
}

/**
 * Everything that workers reach, and that is reached of workers, beyond the worker itself. Each worker has ways of its
 * own to what it is told where it is; who comes on the others has to be looked for, which is dear.
 */
function routesOf({ redis, cosmos, simulator, placement, scheduler, workers }: Layout): Route[] {
  const parts = { redis, cosmos, simulator, placement: placement.grpc, scheduler: scheduler.grpc };
  const own = workers.flatMap(({ id }, index) =>
    Object.entries(parts).map(([name, port]) => ({ name: `${id}:${name}`, port, from: index + 1 })),
  );
  return [
    ...own,
    { name: 'cosmos', port: cosmos, from: 'looked for' },
    { name: 'scheduler', port: scheduler.grpc, from: 'looked for' },
    ...workers.flatMap(({ id, public: open, app, daprInternal }, index): Route[] => {
      const worker = index + 1;
      return [
        { name: `${id}-public`, port: open, worker, from: 'outside' },
        { name: `${id}-app`, port: app, worker, from: 'looked for' },
        {
          name: `${id}-dapr-internal`,
          port: daprInternal,
          worker,
          from: 'looked for',
          listen: { host: hostOf(worker), port: daprInternal },
        },
      ];
    }),
  ];
}

/** A loopback address of the worker's own: sidecars are told where others are by address, not by port. */
const hostOf = (worker: number): string => `127.0.1.${worker}`;
