/** Structured logs on stdout, one JSON object a line. Ids only: no words, numbers or names of callers. */
import { isSpanContextValid, trace } from '@opentelemetry/api';
import { type Logger, pino } from 'pino';

export type { Logger };

export function createLogger(level: string, worker: string): Logger {
  return pino({
    level,
    base: { worker },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // What slips in by mistake does not get out.
    redact: {
      paths: ['*.text', '*.transcript', '*.phoneNumber', '*.rawId', '*.token', '*.password'],
      censor: '[redacted]',
    },
    mixin: () => {
      const context = trace.getActiveSpan()?.spanContext();
      return context && isSpanContextValid(context)
        ? { traceId: context.traceId, spanId: context.spanId }
        : {};
    },
  });
}
