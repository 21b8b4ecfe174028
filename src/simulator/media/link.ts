import type { Call } from '../core/call.js';
import type { ResultInformation } from '../events/callbacks.js';
import { draw } from '../latency.js';
import { sleep } from '../time.js';
import { OutboundSocket } from './outbound-socket.js';

/** What ACS believes of a subscription: it may believe in a socket that is long broken. */
export type LinkState = 'inactive' | 'opening' | 'active';

/** An operation's context and own callback address. */
export interface Operation {
  readonly context?: string | undefined;
  readonly uri?: string | undefined;
}

/** How the two kinds of sockets differ. */
export interface LinkKind {
  /** Prefix of its events: MediaStreaming or Transcription. */
  readonly name: 'MediaStreaming' | 'Transcription';
  readonly url: string;
  /** @param number counts the sockets that were opened, from 1 */
  readonly onOpen: (socket: OutboundSocket, number: number) => void;
  readonly onMessage: (data: string, number: number) => void;
  /** A socket is gone, for whatever reason. */
  readonly onClosed?: (number: number) => void;
  readonly onLost: () => void;
  readonly onFailed: () => void;
}

const UNREACHABLE: ResultInformation = {
  code: 400,
  subCode: 8581,
  message: 'Action failed, the Transport url is not valid or web socket server is not operational.',
};

/** Opens, closes and loses one of a call's sockets, and tells the application with the events of its kind. */
export class SocketLink {
  readonly #call: Call;
  readonly #kind: LinkKind;
  readonly #field: 'mediaStreamingUpdate' | 'transcriptionUpdate';
  #state: LinkState = 'inactive';
  #socket: OutboundSocket | undefined;
  #number = 0;
  #opened = 0;
  #attempt = 0;
  /** Fault: sockets that were stopped, and are still open and listened to. */
  readonly #left = new Map<number, OutboundSocket>();

  constructor(call: Call, kind: LinkKind) {
    this.#call = call;
    this.#kind = kind;
    this.#field = kind.name === 'MediaStreaming' ? 'mediaStreamingUpdate' : 'transcriptionUpdate';
  }

  get state(): LinkState {
    return this.#state;
  }

  /** The open socket, also while it is half open. */
  get socket(): OutboundSocket | undefined {
    return this.#socket;
  }

  /** Sockets that were stopped and stayed open. */
  get left(): Iterable<OutboundSocket> {
    return this.#left.values();
  }

  /** Opens the socket after the simulated latency; the outcome is an event. */
  start(operation: Operation, details = 'subscriptionStarted'): void {
    this.#state = 'opening';
    this.#attempt += 1;
    const attempt = this.#attempt;
    const current = (): boolean => attempt === this.#attempt && !this.#call.over.signal.aborted;
    this.#call.world.tasks.start(`${this.#kind.name} socket`, async () => {
      const latency = draw(this.#call.setup.latencies.socket, this.#call.chance, this.#kind.name, attempt);
      if (!(await sleep(latency, this.#call.over.signal)) || !current()) return;
      try {
        const number = this.#opened + 1;
        const socket = await this.#open(number);
        if (!current()) return socket.close();
        this.#opened = number;
        this.#number = number;
        this.#socket = socket;
        this.#state = 'active';
        this.#kind.onOpen(socket, number);
        this.#emit('Started', details, operation);
      } catch {
        if (!current()) return;
        this.#state = 'inactive';
        this.#kind.onFailed();
        this.#emit('Failed', 'initialWebSocketConnectionFailed', operation, UNREACHABLE);
      }
    });
  }

  /** Closes the socket; the application hears of it. */
  stop(operation: Operation): void {
    if (this.#socket && this.#call.plan.faults.stopKeepsSocket && this.#kind.name === 'MediaStreaming') {
      this.#left.set(this.#number, this.#socket);
      this.#socket = undefined;
    }
    this.#end();
    this.#emit('Stopped', 'subscriptionStopped', operation);
  }

  /** Closes the socket without an event: the call is over. */
  close(): void {
    for (const [number, socket] of this.#left) {
      socket.close();
      this.#kind.onClosed?.(number);
    }
    this.#left.clear();
    this.#end();
  }

  #end(): void {
    this.#attempt += 1;
    this.#state = 'inactive';
    if (this.#socket) this.#kind.onClosed?.(this.#number);
    this.#socket?.close();
    this.#socket = undefined;
  }

  /** Fault: breaks the connection. */
  cut(): void {
    this.#socket?.cut();
    if (this.#socket) this.#lost(this.#number);
  }

  /** Tells of a change of what is transcribed. */
  updated(operation: Operation, details: string): void {
    this.#emit('Updated', details, operation);
  }

  async #open(number: number): Promise<OutboundSocket> {
    const call = this.#call;
    if (call.plan.socketRefused(this.#kind.name)) throw new Error('refused on purpose');
    const authorization = await call.world.signer.authorization(call.plan.token());
    return OutboundSocket.open({
      url: this.#kind.url,
      headers: {
        'x-ms-call-connection-id': call.id,
        'x-ms-call-correlation-id': call.correlationId,
        ...(authorization === undefined ? {} : { authorization }),
      },
      onMessage: (data) => this.#kind.onMessage(data, number),
      onLost: () => this.#lost(number),
    });
  }

  /** Nobody documented what ACS does when an established socket breaks: the fault `onBreak` chooses. */
  #lost(number: number): void {
    this.#kind.onClosed?.(number);
    if (this.#left.delete(number)) return;
    this.#socket = undefined;
    if (this.#call.over.signal.aborted) return;
    this.#kind.onLost();
    const policy = this.#call.plan.faults.onBreak;
    if (policy === 'active') return;
    this.#state = 'inactive';
    if (policy === 'stopped') this.#emit('Stopped', 'streamConnectionInterrupted', {});
    if (policy === 'failed') this.#emit('Failed', 'streamConnectionInterrupted', {}, UNREACHABLE);
    if (policy === 'reconnect') this.start({}, 'streamConnectionReestablished');
  }

  #emit(
    what: 'Started' | 'Stopped' | 'Failed' | 'Updated',
    details: string,
    operation: Operation,
    result?: ResultInformation,
  ): void {
    const lower = this.#kind.name.charAt(0).toLowerCase() + this.#kind.name.slice(1);
    const status = `${lower}${what}`;
    const update =
      this.#field === 'mediaStreamingUpdate'
        ? { contentType: 'Audio', mediaStreamingStatus: status, mediaStreamingStatusDetails: details }
        : { transcriptionStatus: status, transcriptionStatusDetails: details };
    this.#call.emit(`${this.#kind.name}${what}`, { [this.#field]: update }, operation, result);
  }
}
