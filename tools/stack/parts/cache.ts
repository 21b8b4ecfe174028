import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Environment } from './exec.js';

/** The user's home, also where HOME is unset or empty; undefined when there is none. */
export function homeFolder(env: Environment): string | undefined {
  if (env.HOME) return env.HOME;
  if (env !== process.env) return undefined;
  return homedir() || userInfo().homedir || undefined;
}

/** Where built parts are kept: RTVOICE_CACHE_DIR, $XDG_CACHE_HOME/rtvoice, ~/.cache/rtvoice. */
export function cacheFolder(env: Environment): string {
  if (env.RTVOICE_CACHE_DIR) return env.RTVOICE_CACHE_DIR;
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'rtvoice');
  const home = homeFolder(env);
  return home === undefined
    ? join(tmpdir(), `rtvoice-${process.getuid?.() ?? 'cache'}`)
    : join(home, '.cache', 'rtvoice');
}
