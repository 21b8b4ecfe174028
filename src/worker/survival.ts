/**
 * What nobody caught. A voice worker has many live calls: one fault on one socket must not end them, so it is logged
 * and counted, and the process goes on. Repeated ones end it in good order: something is broken for good.
 */
import { messageOf } from '../errors.js';
import type { Logger } from '../ops/log.js';

export interface SurvivalHooks {
  readonly log: Logger;
  count(kind: 'rejection' | 'exception'): void;
  /** Too many in a short time: end in good order. */
  giveUp(): void;
}

const MOST_IN_A_MINUTE = 50;

/** Installs the handlers; the returned function removes them. */
export function surviveUncaught(hooks: SurvivalHooks): () => void {
  let since = performance.now();
  let seen = 0;
  const take = (kind: 'rejection' | 'exception', thrown: unknown): void => {
    hooks.count(kind);
    hooks.log.error(
      { code: 'RTV_INTERNAL', kind, error: messageOf(thrown), stack: placeOf(thrown) },
      'uncaught',
    );
    const now = performance.now();
    if (now - since > 60_000) {
      since = now;
      seen = 0;
    }
    seen += 1;
    if (seen === MOST_IN_A_MINUTE) hooks.giveUp();
  };
  const onRejection = (thrown: unknown): void => take('rejection', thrown);
  const onException = (thrown: unknown): void => take('exception', thrown);
  process.on('unhandledRejection', onRejection);
  process.on('uncaughtException', onException);
  return () => {
    process.off('unhandledRejection', onRejection);
    process.off('uncaughtException', onException);
  };
}

/** Where it was thrown: lines of code only, no arguments. */
const placeOf = (thrown: unknown): string =>
  thrown instanceof Error ? (thrown.stack ?? '').split('\n').slice(1, 5).join(' ').replace(/\s+/g, ' ') : '';
