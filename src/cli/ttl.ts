import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { type ActorClient, createActorClient } from '../actors/client.js';
import { wakeCall } from '../actors/wake.js';
import { readRedisConfig, redisSettings } from '../config-redis.js';
import { codeOf, messageOf, RtvoiceError } from '../errors.js';
import { readStack, type StackInfo, stateDirOf } from '../ops/stack-file.js';
import { auditTtls } from '../ops/ttl-audit.js';
import type { TtlAuditReport } from '../ops/ttl-audit-report.js';
import { isEnvironment, RedisKeyManager } from '../stores/keys.js';
import { RedisManager, type RedisSettings } from '../stores/redis/index.js';

type Env = Readonly<Record<string, string | undefined>>;

interface AuditOptions {
  readonly repair?: boolean;
  readonly json?: boolean;
}

/**
 * `rtvoice ttl audit [--repair] [--json]`. Exit codes: 0 clean, 1 offenders found (repaired or not), 3 Redis not
 * reachable.
 */
export function ttlCommand(): Command {
  const audit = new Command('audit')
    .description('keys without a TTL, with one above policy, of unknown shape, and calls nobody minds')
    .option('--repair', 'give policy TTLs; wake the owners of calls that are not archived')
    .option('--json', 'print the report as JSON')
    .action(async (options: AuditOptions) => {
      try {
        const report = await run(process.env, options.repair ?? false);
        process.stdout.write(`${options.json ? JSON.stringify(report) : textOf(report)}\n`);
        process.exitCode = report.total === 0 ? 0 : 1;
      } catch (thrown) {
        if (codeOf(thrown) !== 'RTV_REDIS_UNAVAILABLE') throw thrown;
        process.stderr.write(`${messageOf(thrown)}\n`);
        process.exitCode = 3;
      }
    });
  return new Command('ttl').description('how long keys live').addCommand(audit);
}

async function run(env: Env, repair: boolean): Promise<TtlAuditReport> {
  const stateDir = stateDirOf(env);
  // The environment alone says where Redis is, or the local stack does.
  const stack = env.REDIS_HOST ? undefined : readStack(stateDir);
  if (!env.REDIS_HOST && !stack) {
    throw new RtvoiceError('RTV_CONFIG_INVALID', 'REDIS_HOST is not set and there is no local stack');
  }
  const secrets = stack ? secretsOf(stateDir) : {};
  const redis = new RedisManager({ redis: auditSettings(env, stack, secrets), keys: keysFrom(env, stack) });
  const actors = repair ? actorsFrom(env, stack, secrets) : undefined;
  try {
    if (!(await redis.start({ waitMs: 5_000 }))) throw new RtvoiceError('RTV_REDIS_UNAVAILABLE');
    return await auditTtls({
      redis,
      repair,
      ...(actors ? { wake: (callId: string) => wakeCall(actors, callId) } : {}),
    });
  } finally {
    await redis.close();
    await actors?.close();
  }
}

function keysFrom(env: Env, stack: StackInfo | undefined): RedisKeyManager {
  const environment = env.ENVIRONMENT || 'dev';
  if (!isEnvironment(environment)) throw new RtvoiceError('RTV_CONFIG_INVALID', 'ENVIRONMENT');
  // The local stack's own multiplier, as dapr.yaml has it.
  const ttlMultiplier = Number(env.TTL_MULTIPLIER || (stack ? 0.5 : 1));
  return new RedisKeyManager({ environment, ttlMultiplier, hashTags: isTrue(env.REDIS_HASH_TAGS) });
}

function auditSettings(
  env: Env,
  stack: StackInfo | undefined,
  secrets: Readonly<Record<string, unknown>>,
): RedisSettings {
  const at = stack
    ? {
        REDIS_HOST: stack.redis.host,
        REDIS_PORT: String(stack.redis.port),
        REDIS_PASSWORD: typeof secrets.redisPassword === 'string' ? secrets.redisPassword : '',
      }
    : env;
  return {
    ...redisSettings(readRedisConfig(at)),
    poolSize: 1,
    deadlineMs: 2_000,
    connectionName: 'rtvoice-ttl-audit',
  };
}

/** Through the sidecar of this process, or of one of the local workers. undefined: nobody can be woken from here. */
function actorsFrom(
  env: Env,
  stack: StackInfo | undefined,
  secrets: Readonly<Record<string, unknown>>,
): ActorClient | undefined {
  const daprHttpPort = Number(
    env.DAPR_HTTP_PORT || stack?.workers.find(({ pids }) => pids.daprd)?.daprHttpPort || 0,
  );
  if (!daprHttpPort) return undefined;
  const token = env.DAPR_API_TOKEN || secrets.daprApiToken;
  return createActorClient({
    daprHost: env.DAPR_HOST || '127.0.0.1',
    daprHttpPort,
    daprApiToken: typeof token === 'string' ? token : undefined,
    traceparent: () => undefined,
  });
}

function secretsOf(stateDir: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(readFileSync(join(stateDir, 'secrets.json'), 'utf8')) as Record<string, unknown>;
  } catch {
    return {};
  }
}

const isTrue = (value: string | undefined): boolean => value === 'true' || value === '1';

function textOf(report: TtlAuditReport): string {
  const { scanned, ms, offenders, repaired, woken, repair, total, samples } = report;
  const lines = [`${scanned} keys in ${ms} ms: ${total === 0 ? 'clean' : `${total} offenders`}`];
  for (const [kind, count] of Object.entries(offenders)) if (count > 0) lines.push(`  ${kind}  ${count}`);
  if (repair) lines.push(`  repaired ${repaired}, owners woken ${woken}`);
  for (const { kind, key } of samples) lines.push(`    ${kind}  ${key}`);
  return lines.join('\n');
}
