import type { Child } from './child.js';
import { StackError } from './error.js';
import type { WorkerPorts } from './layout.js';
import type { Plan } from './specs.js';
import { accepts, answers, type Check, redisAnswers } from './waiting.js';

/** A child that ended this often before the stack was ready will not get better by itself. */
const GIVE_UP_EXITS = 3;

export function storeChecks(plan: Plan): Check[] {
  const { redis, cosmos, settings, secrets } = plan;
  return [
    {
      name: 'redis',
      probe: () =>
        settings.redis
          ? accepts(redis.host, redis.port)
          : redisAnswers(redis.host, redis.port, secrets.redisPassword),
    },
    {
      name: 'cosmos',
      probe: () => {
        if (cosmos.standin) return answers(`${cosmos.endpoint}/_standin/health`);
        const { hostname, port, protocol } = new URL(cosmos.endpoint);
        return accepts(hostname, Number(port || (protocol === 'https:' ? 443 : 80)));
      },
    },
  ];
}

export function controlChecks(plan: Plan): Check[] {
  const { layout, acs } = plan;
  const checks: Check[] = [
    { name: 'placement', probe: () => answers(`http://127.0.0.1:${layout.placement.health}/healthz`) },
    { name: 'scheduler', probe: () => answers(`http://127.0.0.1:${layout.scheduler.health}/healthz`) },
  ];
  if (acs.simulator) {
    checks.push({ name: 'simulator', probe: () => answers(`${acs.endpoint}/simulator/health`) });
  }
  return checks;
}

/** App ready, and its sidecar hosting actors with placement connected. */
export function workerChecks(plan: Plan, ports: WorkerPorts): Check[] {
  const token = plan.env.DAPR_API_TOKEN || plan.secrets.daprApiToken;
  return [
    { name: ports.id, probe: () => answers(`http://127.0.0.1:${ports.public}/readyz`) },
    {
      name: `${ports.id}-daprd`,
      probe: () =>
        answers(
          `http://${plan.settings.listenAddress}:${ports.daprHttp}/v1.0/metadata`,
          { 'dapr-api-token': token },
          hostsActors,
        ),
    },
  ];
}

/** The front door lets a request through to a ready worker. */
export function frontDoorCheck(plan: Plan): Check {
  return { name: 'frontdoor', probe: () => answers(`${plan.frontDoorUrl}/readyz`) };
}

function hostsActors(metadata: unknown): boolean {
  const { actorRuntime } = metadata as { actorRuntime?: { hostReady?: boolean; placement?: string } };
  return actorRuntime?.hostReady === true && /\bconnected\b/.test(actorRuntime.placement ?? '');
}

/** The error to give up with while starting, if a child keeps ending. */
export function hopeless(children: Iterable<Child>): StackError | undefined {
  for (const child of children) {
    if (child.exits < GIVE_UP_EXITS) continue;
    const { path } = child.log;
    return new StackError(
      'RTV_STACK_CHILD_FAILED',
      `${child.name} ${child.lastEnd}, ${child.exits} times. The end of ${path}:\n${child.log.tail()}`,
    );
  }
  return undefined;
}
