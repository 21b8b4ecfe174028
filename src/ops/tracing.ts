/**
 * One trace per call, from IncomingCall to archive. The root's traceparent travels in operationContext, in the call's
 * session and in the arguments of actor calls; every worker hangs its spans under it. Exported by OTLP when
 * OTEL_EXPORTER_OTLP_ENDPOINT is set; else spans exist for their ids alone.
 */
import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

const TRACER = 'rtvoice';
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

export interface Tracing {
  shutdown(): Promise<void>;
}

export function startTracing(worker: string, endpoint: string | undefined): Tracing {
  const url = endpoint ? `${endpoint.replace(/\/$/, '')}/v1/traces` : undefined;
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'rtvoice-worker', 'service.instance.id': worker }),
    spanProcessors: url ? [new BatchSpanProcessor(new OTLPTraceExporter({ url }))] : [],
  });
  provider.register();
  return { shutdown: () => provider.shutdown() };
}

/** W3C traceparent of a span, for headers and arguments. */
export function traceparentOf(span: Span | undefined): string | undefined {
  const own = span?.spanContext();
  if (!own || !isSpanContextValid(own)) return undefined;
  return `00-${own.traceId}-${own.spanId}-${own.traceFlags.toString(16).padStart(2, '0')}`;
}

export const activeTraceparent = (): string | undefined => traceparentOf(trace.getActiveSpan());

/** A context whose parent is the given traceparent; the root context when it is missing or malformed. */
export function remoteContext(traceparent: string | undefined): Context {
  const parts = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  const [, traceId, spanId, flags] = parts ?? [];
  if (!traceId || !spanId) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(flags ?? '00', 16) & TraceFlags.SAMPLED;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

/** Runs work in a span under the given parent. The span fails when the work throws. */
export async function inSpan<T>(
  name: string,
  attributes: Attributes,
  parent: string | undefined,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const under = parent === undefined ? context.active() : remoteContext(parent);
  const span = trace.getTracer(TRACER).startSpan(name, { attributes }, under);
  try {
    return await context.with(trace.setSpan(under, span), () => work(span));
  } catch (thrown) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw thrown;
  } finally {
    span.end();
  }
}

/** A span for something that already happened, by wall-clock ms. Its traceparent, for spans under it. */
export function pastSpan(
  name: string,
  attributes: Attributes,
  parent: string | undefined,
  startMs: number,
  endMs: number,
  events: readonly { readonly name: string; readonly atMs: number }[] = [],
): string | undefined {
  const span = trace
    .getTracer(TRACER)
    .startSpan(name, { attributes, startTime: startMs }, remoteContext(parent));
  for (const { name: event, atMs } of events) span.addEvent(event, atMs);
  span.end(Math.max(startMs, endMs));
  return traceparentOf(span);
}

/**
 * Spans of calls, for parts that know the call's root. Without a root the work is done unseen: a span that hangs
 * under no call would be a trace of its own.
 */
export const callTrace = {
  span: <T>(
    name: string,
    parent: string | undefined,
    attributes: Attributes,
    work: () => Promise<T>,
  ): Promise<T> => (parent === undefined ? work() : inSpan(name, attributes, parent, work)),
  past: (
    name: string,
    parent: string | undefined,
    attributes: Attributes,
    startMs: number,
    endMs: number,
    events?: readonly { readonly name: string; readonly atMs: number }[],
  ): string | undefined =>
    parent === undefined ? undefined : pastSpan(name, attributes, parent, startMs, endMs, events),
};
