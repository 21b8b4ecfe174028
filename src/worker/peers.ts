/** What one worker says to another, on the port of Dapr's calls and with its token. */
import { Agent, request } from 'undici';

const DEADLINE_MS = 1_000;

export type Peers = ReturnType<typeof createPeers>;

export function createPeers(appApiToken: string | undefined) {
  const agent = new Agent({ connections: 8, keepAliveTimeout: 30_000 });
  return {
    /** POST of JSON. @returns the status; undefined where nobody answers in time. Never rejects. */
    async post(workerUrl: string, path: string, body: object): Promise<number | undefined> {
      try {
        const response = await request(`${workerUrl}${path}`, {
          method: 'POST',
          dispatcher: agent,
          headers: {
            'content-type': 'application/json',
            ...(appApiToken ? { 'dapr-api-token': appApiToken } : {}),
          },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(DEADLINE_MS),
        });
        await response.body.dump();
        return response.statusCode;
      } catch {
        return undefined;
      }
    },
    close: (): Promise<void> => agent.close(),
  };
}
