import { type Environment, onPath, run } from './exec.js';

/** ms that `docker info` may take; a client whose engine is away answers at once, one over a network may hang. */
const INFO_TIMEOUT_MS = 5_000;

/** The Docker client, if its engine answers; undefined otherwise. */
export async function reachableDocker(env: Environment): Promise<string | undefined> {
  const docker = await onPath('docker', env);
  if (docker === undefined) return undefined;
  const info = await run(docker, ['info', '--format', '{{.ServerVersion}}'], {
    env,
    timeoutMs: INFO_TIMEOUT_MS,
  });
  // Older clients end with 0 and an empty version when the engine does not answer.
  return info.code === 0 && info.stdout.trim() !== '' ? docker : undefined;
}
