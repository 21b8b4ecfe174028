/** One run of many callers against a media worker: frames counted at both ends, CPU, pace, event loop. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Host } from './host-control.js';
import type { HostFigures } from './host-messages.js';
import type { LoadMessage, LoadOptions, LoadReport } from './load-messages.js';

const FILE = fileURLToPath(new URL('./callers.js', import.meta.url));
/** Sessions have ended this long after their sockets, ms. */
const ENDED_MS = 10_000;

export interface LoadRun {
  readonly calls: number;
  readonly callers: LoadReport;
  /** While it ran. */
  readonly host: HostFigures;
  /** Frames that did not arrive, at the worker and at the callers. */
  readonly lost: { readonly in: number; readonly out: number };
}

/** The callers' own pace: worse than this and nothing was measured but the callers, ms. */
export const OWN_GAP_LIMIT_MS = 22;
export const GAP_LIMIT_MS = 30;
export const LOOP_LIMIT_MS = 20;

/** Both held their pace, and nothing was lost. */
export const holds = ({ callers, host, lost }: LoadRun): boolean =>
  callers.ownGapMs.p99 <= OWN_GAP_LIMIT_MS &&
  callers.gapMs.p99 <= GAP_LIMIT_MS &&
  host.loopDelayMs.p99 < LOOP_LIMIT_MS &&
  lost.in === 0 &&
  lost.out === 0;

export const coresUsed = ({ host }: LoadRun): number => host.cpuMs / host.wallMs;

export async function runLoad(
  host: Host,
  options: Omit<LoadOptions, 'port'>,
  signal: AbortSignal,
): Promise<LoadRun> {
  const before = await host.ask({ kind: 'figures', collect: false });
  const child = fork(FILE, [JSON.stringify({ ...options, port: host.port } satisfies LoadOptions)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const stop = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  try {
    let during: Promise<HostFigures> | undefined;
    const callers = await new Promise<LoadReport>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the callers ended with ${code}`)));
      child.on('message', (message: LoadMessage) => {
        if (message.kind === 'report') {
          resolve(message.report);
          return;
        }
        void host.ask({ kind: 'reset' });
        during = sleep(options.seconds * 1_000 - 200).then(() =>
          host.ask({ kind: 'figures', collect: false }),
        );
        during.catch(reject);
      });
    });
    const figures = await during;
    if (!figures) throw new Error('the callers measured nothing');
    const after = await settled(host);
    return {
      calls: options.calls,
      callers,
      host: figures,
      lost: {
        in: callers.framesSent - (after.framesIn - before.framesIn),
        out: after.framesOut - before.framesOut - callers.framesReceived,
      },
    };
  } finally {
    signal.removeEventListener('abort', stop);
    if (child.exitCode === null) child.kill('SIGKILL');
  }
}

/** The worker once all its sessions have ended. */
async function settled(host: Host): Promise<HostFigures> {
  const until = performance.now() + ENDED_MS;
  for (;;) {
    const figures = await host.ask({ kind: 'figures', collect: false });
    if (figures.sessions === 0 || performance.now() > until) return figures;
    await sleep(100);
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
