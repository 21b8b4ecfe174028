/** What else is asked on the port of Dapr's calls: by benches, and by other workers. Behind the app token, as all there. */
import express, { type Express } from 'express';
import type { Heard } from '../media/session-services.js';
import type { Metrics } from '../ops/metrics.js';

export interface AppPortParts {
  readonly metrics: Metrics;
  readonly redis: { readonly state: string };
  /** Words that another worker heard; false: the call's audio is not here. */
  heardElsewhere(callId: string, heard: Heard): boolean;
}

export const appPortRoutes =
  ({ metrics, redis, heardElsewhere }: AppPortParts) =>
  (app: Express): void => {
    // Raw latencies for benches.
    app.get('/debug/latencies', (_request, response) => {
      response.json(metrics.samples.all());
    });
    app.delete('/debug/latencies', (_request, response) => {
      metrics.samples.clear();
      response.status(204).end();
    });
    // Asked by a worker that lost Redis: whether it is alone with that.
    app.get('/internal/redis', (_request, response) => {
      response.status(redis.state === 'up' ? 204 : 503).end();
    });
    app.post('/internal/calls/:id/heard', express.json(), (request, response) => {
      const taken = heardElsewhere(request.params.id, request.body as Heard);
      response.status(taken ? 204 : 404).end();
    });
  };
