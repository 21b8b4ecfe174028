/**
 * Every metric of a worker, in one place. Names follow the specification ("Operational Metrics"); labels are of small,
 * fixed sets: never an id, never personal data. Served as Prometheus text at /metrics.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { genAiTelemetry } from './gen-ai.js';
import { type SampleLabels, Samples } from './samples.js';

const MS = [0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 2_000, 5_000];

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(worker: string) {
  const exporter = new PrometheusExporter({ preventServerStart: true, prefix: '' });
  const provider = new MeterProvider({
    resource: resourceFromAttributes({ 'service.name': 'rtvoice-worker', 'service.instance.id': worker }),
    readers: [exporter],
  });
  const meter = provider.getMeter('rtvoice');
  const samples = new Samples();
  const ms = (name: string, description: string) => {
    const advice = { explicitBucketBoundaries: MS };
    const histogram = meter.createHistogram(name, { description, unit: 'ms', advice });
    return {
      record(value: number, labels?: SampleLabels): void {
        histogram.record(value, labels);
        samples.record(name, value, labels);
      },
    };
  };
  const gauge = (name: string, description: string) => meter.createObservableGauge(name, { description });
  const counter = (name: string, description: string) => meter.createCounter(name, { description });

  return {
    genAi: genAiTelemetry(meter),
    /** Raw values behind the histograms. */
    samples,
    callsAnswered: counter('rtvoice_calls_answered', 'Incoming calls by outcome'),
    callsEnded: counter('rtvoice_calls_ended', 'Calls whose record was closed'),
    events: counter('rtvoice_acs_events', 'ACS events by kind'),
    turnCommit: ms('rtvoice_turn_commit_ms', 'Turn at the actor until durable in Redis'),
    turnRoundTrip: ms('rtvoice_turn_round_trip_ms', 'Turn from media worker to acknowledgement'),
    provisionalTurns: counter('rtvoice_turns_provisional', 'Turns answered durable: false'),
    lostTurns: counter('rtvoice_turns_lost', 'Provisional turns given up, by reason'),
    rules: counter('rtvoice_state_rules', 'Rules of state at work: fenced, diverged, restored …'),
    activations: counter('rtvoice_actor_activations', 'Call actors activated'),
    setup: ms('rtvoice_call_setup_ms', 'IncomingCall received until the answer request is sent'),
    answered: ms('rtvoice_call_answered_ms', 'IncomingCall received until ACS answered the answer request'),
    greeting: ms('rtvoice_first_audio_ms', 'Media socket open until the first frame of the greeting'),
    firstFrame: ms('rtvoice_reply_first_frame_ms', 'Final transcript until the first frame of the reply'),
    firstFrameOwn: ms(
      'rtvoice_reply_first_frame_own_ms',
      'The same without what speech that was ready waited for the record of the turn',
    ),
    turnStep: ms(
      'rtvoice_turn_step_ms',
      'Steps of a turn from the end of speech to the first frame, by step',
    ),
    pauses: counter('rtvoice_barge_in_pauses', 'Times the agent fell silent at a voice'),
    interruptions: counter('rtvoice_interruptions', 'Replies cut by the caller'),
    bridges: counter('rtvoice_bridging_phrases', 'Callers told that the agent is back, after a gap'),
    movedCalls: counter(
      'rtvoice_calls_moved',
      'Sockets given to other workers while draining, by what they carry',
    ),
    mediaFrames: meter.createObservableCounter('rtvoice_media_frames', {
      description: 'Audio frames by direction',
    }),
    longTasks: counter('rtvoice_long_tasks', 'Tasks of our own that held the event loop over 10 ms, by name'),
    mediaFramesMissing: counter(
      'rtvoice_media_frames_missing',
      "Frames of callers' audio that never came, by their timestamps",
    ),
    mediaMalformed: counter('rtvoice_media_malformed', 'Frames that were no known message'),
    ttsSyntheses: counter('rtvoice_tts_syntheses', 'Sentences synthesised'),
    ttsHits: counter('rtvoice_tts_cache_hits', 'Sentences from the cache, by tier'),
    fallbacks: counter('rtvoice_spoken_fallbacks', 'Fallback phrases by cause'),
    redisOperation: ms('rtvoice_redis_operation_ms', 'Redis operations by name and outcome'),
    keysCreated: counter('rtvoice_redis_keys_created', 'Keys written for the first time, by data type'),
    redisTokens: counter('rtvoice_redis_token_refreshes', 'Entra ID tokens fetched for Redis, by outcome'),
    redisMemory: gauge('rtvoice_redis_memory_share', 'Used over maximum memory of Redis, its fullest server'),
    redisFailedShare: gauge(
      'rtvoice_redis_failed_share_5m',
      'Redis operations that failed, of the last 5 minutes',
    ),
    ttlOffenders: gauge(
      'rtvoice_redis_ttl_offenders',
      'Keys against the TTL policy at the last audit, by kind',
    ),
    poolUtilisation: gauge(
      'rtvoice_redis_pool_utilisation',
      'In flight over limit, highest since the last look',
    ),
    backlogBytes: meter.createObservableGauge('rtvoice_backlog_bytes', {
      description: 'Turns that wait for Redis',
    }),
    liveCalls: meter.createObservableGauge('rtvoice_media_sessions', {
      description: 'Media sessions on this worker',
    }),
    actors: meter.createObservableGauge('rtvoice_actors', { description: 'Call actors in memory' }),
    archived: counter('rtvoice_turns_archived', 'Turn documents created in Cosmos'),
    archiveLag: ms('rtvoice_archive_ms', 'Turn offered to the archiver until its document was created'),
    archiveProblems: counter('rtvoice_archive_problems', 'Archive outcomes that are not success, by kind'),
    setAside: counter(
      'rtvoice_documents_set_aside',
      'Documents that Cosmos refused for good, by what became of them',
    ),
    profileRead: ms('rtvoice_profile_read_ms', 'Profile read at call start, by where it came from'),
    transcriptsClosed: counter('rtvoice_transcripts_closed', 'Transcripts closed, by what the check found'),
    auditLost: counter('rtvoice_audit_records_lost', 'Audit records that could not be written'),
    contextSaves: counter('rtvoice_context_saves', 'Context snapshots by outcome'),
    admissionRefusals: counter('rtvoice_admission_refusals', 'New calls not taken, by reason'),
    operations: counter('rtvoice_call_operations', 'Call-control operations by kind and outcome'),
    uncaught: counter('rtvoice_uncaught_errors', 'Errors that nobody caught, by kind'),
    securityEvents: counter('rtvoice_security_events', 'Refused requests by code and door'),
    eventLoopDelay: meter.createObservableGauge('rtvoice_event_loop_delay_p99_ms', {
      description: 'Event-loop delay p99 since the last scrape',
      unit: 'ms',
    }),
    serve: (request: IncomingMessage, response: ServerResponse): void =>
      exporter.getMetricsRequestHandler(request, response),
    shutdown: (): Promise<void> => provider.shutdown(),
  };
}
