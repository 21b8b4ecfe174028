import { join } from 'node:path';
import type { ProcessRecord, StackInfo } from '../../src/ops/stack-file.js';
import type { AppDescription } from './description.js';
import type { DetourTable } from './detours.js';
import type { EndPhase, Family } from './family.js';
import type { Layout } from './layout.js';
import type { ExternalRedis, RedisCommand } from './parts/redis.js';
import type { StackSecrets } from './secrets.js';
import { acsEndpointOf, type Commands, type Environment, type RunnerSettings } from './settings.js';
import type { Plan } from './specs.js';

const LOOPBACK = '127.0.0.1';

/** Puts together what was found, made up and chosen. */
export function makePlan(given: {
  readonly root: string;
  readonly stateDir: string;
  readonly env: Environment;
  readonly app: AppDescription;
  readonly settings: RunnerSettings;
  readonly secrets: StackSecrets;
  readonly layout: Layout;
  readonly redis: ExternalRedis | RedisCommand;
  readonly commands: Commands;
  readonly detours?: DetourTable;
}): Plan {
  const { env, settings, layout, redis, stateDir } = given;
  const frontDoorUrl = `http://${LOOPBACK}:${layout.frontDoor}`;
  const simulatorUrl = `http://${LOOPBACK}:${layout.simulator}`;
  return {
    ...given,
    logsDir: join(stateDir, 'logs'),
    upstreamsFile: join(stateDir, 'upstreams.json'),
    redis: redis.kind === 'external' ? redis : { host: LOOPBACK, port: layout.redis },
    cosmos: settings.cosmosEndpoint
      ? { endpoint: settings.cosmosEndpoint, standin: false }
      : { endpoint: `http://${LOOPBACK}:${layout.cosmos}`, standin: true },
    acs: settings.acsConnectionString
      ? { endpoint: acsEndpointOf(settings.acsConnectionString), simulator: false }
      : { endpoint: simulatorUrl, simulator: true, controlUrl: simulatorUrl },
    publicBaseUrl: (env.PUBLIC_BASE_URL || frontDoorUrl).replace(/\/+$/, ''),
    frontDoorUrl,
  };
}

/** What stack.json says. */
export function infoOf(plan: Plan, family: Family, ready: boolean, runner: ProcessRecord | null): StackInfo {
  return {
    ready,
    incomingUrl: `${plan.publicBaseUrl}/acs/incoming`,
    publicBaseUrl: plan.publicBaseUrl,
    frontDoorUrl: plan.frontDoorUrl,
    workers: plan.layout.workers.map(({ id, public: port, daprHttp }) => ({
      id,
      url: `http://${LOOPBACK}:${port}`,
      daprHttpPort: daprHttp,
      pids: { app: family.pidOf(id), daprd: family.pidOf(`${id}-daprd`) },
    })),
    acs: plan.acs,
    redis: { host: plan.redis.host, port: plan.redis.port },
    cosmos: plan.cosmos,
    runner,
    children: family.records(),
    ports: plan.layout.byName,
    logsDir: plan.logsDir,
  };
}

/**
 * Workers first, for they hand over and write what they still hold; then the sidecars they did it through and
 * the front door; then the control plane and the simulator. The stores are in no phase: they end last.
 */
export function endPhases(plan: Plan): EndPhase[] {
  const ids = plan.layout.workers.map(({ id }) => id);
  return [
    { names: ids, graceMs: plan.settings.drainMs + 2000 },
    { names: [...ids.map((id) => `${id}-daprd`), 'frontdoor'], graceMs: 8000 },
    { names: ['simulator', 'placement', 'scheduler'], graceMs: 5000 },
  ];
}
