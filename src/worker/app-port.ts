/** What else is asked on the port of Dapr's calls: by benches, and by other workers. Behind the app token, as all there. */
import express, { type Express } from 'express';
import type { Heard } from '../media/session-services.js';
import type { Metrics } from '../ops/metrics.js';

export interface AppPortParts {
  readonly metrics: Metrics;
  /** Whether Redis takes this worker's beats. */
  beats(): boolean;
  /** Words that another worker heard; false: the call's audio is not here. */
  heardElsewhere(callId: string, heard: Heard): boolean;
  /** A call was put on hold or taken back; false: its audio is not here. */
  hold(callId: string, on: boolean): boolean;
}

export const appPortRoutes =
  ({ metrics, beats, heardElsewhere, hold }: AppPortParts) =>
  (app: Express): void => {
    // Raw latencies for benches.
    app.get('/debug/latencies', (_request, response) => {
      response.json(metrics.samples.all());
    });
    app.delete('/debug/latencies', (_request, response) => {
      metrics.samples.clear();
      response.status(204).end();
    });
    // Asked by a worker whose beats Redis does not take: whether it is alone with that. A full or read-only Redis is
    // up for everybody, and takes nobody's.
    app.get('/internal/redis', (_request, response) => {
      response.status(beats() ? 204 : 503).end();
    });
    app.post('/internal/calls/:id/heard', express.json(), (request, response) => {
      const taken = heardElsewhere(request.params.id, request.body as Heard);
      response.status(taken ? 204 : 404).end();
    });
    app.post('/internal/calls/:id/hold', express.json(), (request, response) => {
      const { on } = request.body as { on?: unknown };
      response.status(hold(request.params.id, on === true) ? 204 : 404).end();
    });
  };
