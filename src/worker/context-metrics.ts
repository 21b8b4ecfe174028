import type { Logger } from '../ops/log.js';
import type { Metrics } from '../ops/metrics.js';
import type { ContextMetrics } from '../stores/contexts.js';

/** What becomes of context snapshots, as counted and logged. A damaged one is an error to be alerted of. */
export const contextMetrics = (
  metrics: Pick<Metrics, 'contextSaves' | 'rules'>,
  log: Logger,
): ContextMetrics => ({
  saved: () => metrics.contextSaves.add(1, { outcome: 'saved' }),
  saveFailed: () => metrics.contextSaves.add(1, { outcome: 'failed' }),
  unreadable: (callId) => {
    metrics.rules.add(1, { rule: 'unreadable' });
    log.error({ callId, code: 'RTV_RECORD_UNREADABLE' }, 'a context was damaged: set aside, and made anew');
  },
});
