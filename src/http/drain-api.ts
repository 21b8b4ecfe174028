/**
 * POST and GET /admin/drain, behind the API token: takes this worker out of service as SIGTERM does, and tells how far it
 * is. Meant for the worker's own address: through an ingress it would drain whichever worker it meets, so the body may
 * name the worker that is meant.
 */
import express, { type Express } from 'express';
import type { SecurityEvents } from './authenticate.js';
import { requireBearer } from './bearer.js';
import { sendProblem } from './problem.js';

export interface DrainProgress {
  readonly worker: string;
  readonly state: 'serving' | 'moving' | 'leaving' | 'drained';
  /** Calls whose audio is here. */
  readonly calls: number;
  /** Call actors in memory. */
  readonly actors: number;
}

export interface DrainApiParts {
  readonly token: string;
  readonly security: SecurityEvents;
  progress(): DrainProgress;
  /** @param end the process ends when it is drained */
  drain(end: boolean): void;
}

export function drainApi(app: Express, parts: DrainApiParts): void {
  const admin = express.Router({ caseSensitive: true });
  admin.use(requireBearer(parts.token, parts.security));
  admin.use(express.json({ limit: '1kb', type: () => true, strict: true }));
  admin.get('/drain', (_request, response) => {
    response.json(parts.progress());
  });
  admin.post('/drain', (request, response) => {
    const { worker, end } = (request.body ?? {}) as { worker?: unknown; end?: unknown };
    if (worker !== undefined && worker !== parts.progress().worker) {
      return sendProblem(response, 'RTV_WORKER_OTHER');
    }
    parts.drain(end === true);
    response.status(202).json(parts.progress());
  });
  app.use('/admin', admin);
}
