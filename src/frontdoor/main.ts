/**
 * The front door of the local stack: owns PUBLIC_BASE_URL, so that whoever calls (ACS, the simulator) knows
 * no worker. On Kubernetes an ingress does this.
 */
import { statSync } from 'node:fs';
import { readArguments, readUpstreamsFile } from './arguments.js';
import { startFrontDoor } from './server.js';

const FILE_CHECK_MS = 250;
const GRACE_MS = 3000;

function log(level: 'info' | 'error', msg: string): void {
  process.stdout.write(`${JSON.stringify({ level, time: Date.now(), name: 'frontdoor', msg })}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function main(): Promise<void> {
  const { host, port, upstreams, upstreamsFile } = readArguments(process.argv.slice(2));
  const listed = upstreamsFile === undefined ? upstreams : readUpstreamsFile(upstreamsFile);
  const door = await startFrontDoor({ host, port, upstreams: listed, say: (line) => log('info', line) });
  log('info', `listening on ${host}:${door.port}`);

  let seen = upstreamsFile === undefined ? 0 : statSync(upstreamsFile).mtimeMs;
  const watch = setInterval(() => {
    if (upstreamsFile === undefined) return;
    try {
      const changed = statSync(upstreamsFile).mtimeMs;
      if (changed === seen) return;
      door.setUpstreams(readUpstreamsFile(upstreamsFile));
      seen = changed;
    } catch (error) {
      log('error', `the list of workers stays as it was: ${messageOf(error)}`);
    }
  }, FILE_CHECK_MS);

  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    clearInterval(watch);
    door.close(GRACE_MS).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}

main().catch((error: unknown) => {
  const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  log('error', `${inUse ? 'RTV_FRONTDOOR_PORT_IN_USE' : 'RTV_FRONTDOOR_START'}: ${messageOf(error)}`);
  process.exitCode = 1;
});
