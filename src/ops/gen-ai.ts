/**
 * OpenTelemetry's semantic conventions for generative AI, in one place: names of spans, attributes and metrics of each
 * request to a model. Never its content. https://opentelemetry.io/docs/specs/semconv/gen-ai/
 */
import type { Attributes, Meter } from '@opentelemetry/api';
import type { ChatFacts } from '../agent/reply-account.js';
import { pastSpan } from './tracing.js';

export type GenAiProvider = 'openai' | 'azure.ai.openai';

export interface GenAi {
  /** A chat request that is over. */
  chat(provider: GenAiProvider, facts: ChatFacts): void;
}

const SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const TOKENS = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144];

export function genAiTelemetry(meter: Meter): GenAi {
  const duration = meter.createHistogram('gen_ai.client.operation.duration', {
    description: 'Requests to the model',
    unit: 's',
    advice: { explicitBucketBoundaries: SECONDS },
  });
  const firstChunk = meter.createHistogram('gen_ai.client.operation.time_to_first_chunk', {
    description: 'Request until the first word of the model',
    unit: 's',
    advice: { explicitBucketBoundaries: SECONDS },
  });
  const tokens = meter.createHistogram('gen_ai.client.token.usage', {
    description: 'Tokens of a request, read and written',
    unit: '{token}',
    advice: { explicitBucketBoundaries: TOKENS },
  });
  return {
    chat(provider, facts) {
      const common: Attributes = {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': provider,
        'gen_ai.request.model': facts.model,
        'server.address': facts.host,
        'server.port': facts.port,
        ...(facts.responseModel === undefined ? {} : { 'gen_ai.response.model': facts.responseModel }),
      };
      const failed: Attributes = facts.error === undefined ? {} : { 'error.type': facts.error };
      duration.record((facts.endMs - facts.startMs) / 1_000, { ...common, ...failed });
      if (facts.firstTokenMs !== undefined)
        firstChunk.record((facts.firstTokenMs - facts.startMs) / 1_000, common);
      const { usage, estimated } = facts;
      if (usage && !estimated) {
        tokens.record(usage.tokensIn, { ...common, 'gen_ai.token.type': 'input' });
        tokens.record(usage.tokensOut, { ...common, 'gen_ai.token.type': 'output' });
      }
      if (facts.traceparent === undefined) return;
      const attributes: Attributes = {
        ...common,
        ...failed,
        ...(facts.finish === undefined ? {} : { 'gen_ai.response.finish_reasons': [facts.finish] }),
        ...(usage
          ? {
              'gen_ai.usage.input_tokens': usage.tokensIn,
              'gen_ai.usage.output_tokens': usage.tokensOut,
              'rtvoice.usage.estimated': estimated,
            }
          : {}),
      };
      pastSpan(`chat ${facts.model}`, attributes, facts.traceparent, facts.startMs, facts.endMs);
    },
  };
}
