import http from 'node:http';
import https from 'node:https';
import { CallAutomationClient, type CallAutomationClientOptions } from '@azure/communication-call-automation';
import type { TokenCredential } from '@azure/identity';
import { callMethods } from './client-calls.js';
import { mediaMethods } from './client-media.js';
import { createRunner, type Wire } from './client-run.js';
import type { AcsClient } from './client-types.js';
import { ACS_CODES } from './codes.js';

export interface AcsSettings {
  /** `endpoint=…;accesskey=…`. */
  readonly connectionString?: string;
  /** Instead of a connection string: the endpoint (https) with a credential. */
  readonly endpoint?: string;
  readonly credential?: TokenCredential;
  /** Takes an http endpoint, with a connection string only. Development. */
  readonly allowInsecure?: boolean;
  /** Over all attempts of one operation, ms. Default 5,000. */
  readonly deadlineMs?: number;
  /** Hang-up alone, ms: a call that ends must not wait for a slow ACS. Default 3,000. */
  readonly hangUpDeadlineMs?: number;
}

/** The settings cannot be used. The message names no key. */
export class AcsSetupError extends Error {
  readonly code = ACS_CODES.setup;
}

/**
 * The client through which everything is said to ACS over REST: the SDK with a deadline, a signal and a
 * typed outcome on each operation, over kept connections.
 * @throws AcsSetupError when connection string, endpoint or credential are missing or unusable.
 */
export function createAcs(settings: AcsSettings): AcsClient {
  const runner = createRunner();
  const agent = isHttp(settings)
    ? new http.Agent({ keepAlive: true, maxFreeSockets: 32, scheduling: 'lifo' })
    : new https.Agent({ keepAlive: true, maxFreeSockets: 32, scheduling: 'lifo' });
  const options: CallAutomationClientOptions = {
    agent,
    allowInsecureConnection: settings.allowInsecure ?? false,
    additionalPolicies: runner.policies,
    retryOptions: { maxRetries: 0 },
    // A redirect would take signature and body to another host.
    redirectOptions: { maxRetries: 0 },
  };
  const deadlineMs = settings.deadlineMs ?? 5000;
  const wire: Wire = {
    sdk: createSdk(settings, options),
    hangUpDeadlineMs: Math.min(deadlineMs, settings.hangUpDeadlineMs ?? 3000),
    run: (repeat, callOptions, send, limitMs) => runner.run(repeat, callOptions, limitMs ?? deadlineMs, send),
  };
  return { ...callMethods(wire), ...mediaMethods(wire), close: () => agent.destroy() };
}

function createSdk(settings: AcsSettings, options: CallAutomationClientOptions): CallAutomationClient {
  const { connectionString, endpoint, credential } = settings;
  try {
    if (connectionString) return new CallAutomationClient(connectionString, options);
    if (endpoint && credential) return new CallAutomationClient(endpoint, credential, options);
  } catch {
    // The cause may quote the string, and with it the key.
    throw new AcsSetupError('the ACS connection string, or the endpoint, cannot be read');
  }
  throw new AcsSetupError('neither an ACS connection string nor an endpoint with a credential is set');
}

function isHttp(settings: AcsSettings): boolean {
  return /(?:^|endpoint=)http:/i.test(settings.connectionString ?? settings.endpoint ?? '');
}
