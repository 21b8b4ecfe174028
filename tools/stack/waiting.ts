import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { StackError } from './error.js';

export interface Check {
  readonly name: string;
  /** True when it is ready; an error counts as not yet. */
  probe(): Promise<boolean>;
}

export interface WaitOptions {
  readonly deadlineMs: number;
  say(line: string): void;
  /** Asked between probes: an error ends the waiting at once. */
  failure(): Error | undefined;
}

const EVERY_MS = 40;
const TELL_MS = 4000;

/**
 * Waits until each check has once been true, saying every few seconds what is still missing.
 * @throws StackError RTV_STACK_NOT_READY, or what failure() returned.
 */
export async function waitFor(checks: readonly Check[], options: WaitOptions): Promise<void> {
  const missing = new Map(checks.map((check) => [check.name, check]));
  const begun = Date.now();
  let told = begun;
  while (missing.size > 0) {
    const failure = options.failure();
    if (failure) throw failure;
    await Promise.all(
      [...missing.values()].map(async (check) => {
        if (await check.probe().catch(() => false)) missing.delete(check.name);
      }),
    );
    if (missing.size === 0) return;
    const names = [...missing.keys()].join(', ');
    const now = Date.now();
    if (now - begun > options.deadlineMs) {
      throw new StackError(
        'RTV_STACK_NOT_READY',
        `after ${options.deadlineMs / 1000} s still not ready: ${names}`,
      );
    }
    if (now - told > TELL_MS) {
      told = now;
      options.say(`waiting for ${names} (${Math.round((now - begun) / 1000)} s)`);
    }
    await sleep(EVERY_MS);
  }
}

/** True when a GET answers 200 within a second, and its JSON body, if asked for, satisfies. */
export async function answers(
  url: string,
  headers: Record<string, string> = {},
  satisfies?: (body: unknown) => boolean,
): Promise<boolean> {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(1000) });
  if (!satisfies) {
    await response.body?.cancel();
    return response.status === 200;
  }
  return response.status === 200 && satisfies(await response.json());
}

/** True when a TCP connection can be made within a second. */
export function accepts(host: string, port: number): Promise<boolean> {
  return converse(host, port, '', () => true);
}

/** True when a Redis answers PING: it listens, takes the password and has read its data. */
export function redisAnswers(host: string, port: number, password: string): Promise<boolean> {
  const auth = `*2\r\n$4\r\nAUTH\r\n$${Buffer.byteLength(password)}\r\n${password}\r\n`;
  return converse(host, port, `${auth}*1\r\n$4\r\nPING\r\n`, (text) =>
    text.includes('+PONG') ? true : text.includes('-') ? false : undefined,
  );
}

function converse(
  host: string,
  port: number,
  say: string,
  judge: (heard: string) => boolean | undefined,
): Promise<boolean> {
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect({ host, port });
    const settle = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(1000, () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('close', () => resolve(false));
    socket.once('connect', () => {
      if (say === '') settle(true);
      else socket.write(say);
    });
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      const verdict = judge(heard);
      if (verdict !== undefined) settle(verdict);
    });
  });
}
