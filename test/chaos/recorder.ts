/** What the taps between apps and sidecars see, as evidence: turns with their acknowledgements, and reminders. */
import type { SeenReminder, SeenTurn } from './check/evidence.js';
import type { RunLog } from './run-log.js';
import type { Answered, Exchange, TapHooks } from './tap.js';

const METHOD = /^\/v1\.0\/actors\/CallActor\/([^/]+)\/method\/([A-Za-z]+)$/;
const REMINDER = /^\/v1\.0\/actors\/CallActor\/([^/]+)\/reminders\/[A-Za-z]+$/;
const FIRED = /^\/actors\/CallActor\/([^/]+)\/method\/remind\/[A-Za-z]+$/;

export class Recorder {
  readonly turns: SeenTurn[] = [];
  readonly reminders: SeenReminder[] = [];
  readonly #log: RunLog;
  /** Workers whose /healthz is answered with 503. */
  readonly #unhealthy = new Set<number>();

  constructor(log: RunLog) {
    this.#log = log;
  }

  setHealthy(worker: number, healthy: boolean): void {
    if (healthy) this.#unhealthy.delete(worker);
    else this.#unhealthy.add(worker);
  }

  /** For the tap on the way from a worker's app to its sidecar. */
  towardsSidecar(worker: number): TapHooks {
    return {
      answered: (exchange, answer) => {
        const [, callId, method] = METHOD.exec(exchange.path) ?? [];
        if (callId && method) {
          if (method === 'turn') this.#turn(worker, decodeURIComponent(callId), exchange, answer);
          else this.#method(worker, callId, method, exchange, answer);
          return;
        }
        const [, reminded] = REMINDER.exec(exchange.path) ?? [];
        if (!reminded || exchange.method === 'GET') return;
        const what = exchange.method === 'DELETE' ? 'removed' : 'registered';
        this.#reminder(decodeURIComponent(reminded), what, exchange, answer);
      },
    };
  }

  /** For the tap on the way from a worker's sidecar to its app. */
  towardsApp(worker: number): TapHooks {
    return {
      asked: ({ path }) => (path === '/healthz' && this.#unhealthy.has(worker) ? 503 : undefined),
      answered: (exchange, answer) => {
        const [, callId] = FIRED.exec(exchange.path) ?? [];
        if (callId) this.#reminder(decodeURIComponent(callId), 'fired', exchange, answer);
      },
    };
  }

  #turn(worker: number, callId: string, exchange: Exchange, answer: Answered | undefined): void {
    const asked = jsonOf(exchange.body);
    const offer = recordOf(asked.offer);
    const body = answer?.status === 200 ? jsonOf(answer.body) : {};
    const refused = refusalOf(answer, body);
    const turn: SeenTurn = {
      callId,
      turnId: String(offer.turnId),
      role: offer.role === 'agent' ? 'agent' : 'user',
      text: String(offer.text),
      incarnation: String(asked.incarnation),
      mediaEpoch: Number(asked.mediaEpoch),
      turnNo: Number(asked.turnNo),
      worker,
      askedMs: exchange.atMs,
      ...(answer ? { answeredMs: answer.atMs } : {}),
      durable: body.ok === true && body.durable === true,
      ...(refused ? { refused } : {}),
    };
    this.turns.push(turn);
    this.#log.write('turn', { ...turn, seq: body.seq, archivedNo: body.archivedNo });
  }

  #method(
    worker: number,
    callId: string,
    method: string,
    exchange: Exchange,
    answer: Answered | undefined,
  ): void {
    const refused = refusalOf(answer, answer?.status === 200 ? jsonOf(answer.body) : {});
    const ms = answer ? answer.atMs - exchange.atMs : undefined;
    this.#log.write('method', { worker, callId, method, askedMs: exchange.atMs, ms, refused });
  }

  #reminder(
    callId: string,
    what: SeenReminder['what'],
    { atMs }: Exchange,
    answer: Answered | undefined,
  ): void {
    const seen = { callId, what, atMs, ok: answer !== undefined && answer.status < 300 };
    this.reminders.push(seen);
    this.#log.write('reminder', seen);
  }
}

function refusalOf(
  answer: Answered | undefined,
  body: Readonly<Record<string, unknown>>,
): string | undefined {
  if (!answer) return 'no answer';
  if (answer.status !== 200) return String(answer.status);
  return body.ok === true ? undefined : String(body.code);
}

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

function jsonOf(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    return recordOf(JSON.parse(body.toString('utf8')));
  } catch {
    return {};
  }
}
