/** What the probes answer. Live: the process works. Ready: it takes new calls. Degraded stays 200. */

export type Status = 'pass' | 'warn' | 'fail';

export interface Check {
  readonly status: Status;
  readonly output?: string;
}

export interface Health {
  readonly status: Status;
  readonly checks: Readonly<Record<string, Check>>;
}

/** application/health+json: fail when any check fails, warn when any warns. */
export function judge(checks: Readonly<Record<string, Check>>): Health {
  const all = Object.values(checks).map((check) => check.status);
  const status: Status = all.includes('fail') ? 'fail' : all.includes('warn') ? 'warn' : 'pass';
  return { status, checks };
}
