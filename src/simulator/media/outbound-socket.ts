import { WebSocket } from 'ws';

const HANDSHAKE_TIMEOUT_MS = 5000;
const CLOSE_TIMEOUT_MS = 2000;
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;
/** More unsent bytes than this (about 20 s of audio) and frames are dropped instead. */
const MAX_UNSENT_BYTES = 1024 * 1024;
const SLOW_READ_MS = 200;
const SLOW_PAUSE_MS = 1800;

export interface OutboundSocketOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly onMessage: (data: string) => void;
  /** The other side closed, or the connection broke; not called after close() or cut(). */
  readonly onLost: () => void;
}

/** A WebSocket that ACS opens to the application. */
export class OutboundSocket {
  readonly #socket: WebSocket;
  readonly #onLost: () => void;
  #over = false;
  #mute = false;
  #slow: NodeJS.Timeout | undefined;
  #closing: NodeJS.Timeout | undefined;
  #dropped = 0;

  private constructor(socket: WebSocket, options: OutboundSocketOptions) {
    this.#socket = socket;
    this.#onLost = options.onLost;
    socket.on('message', (data, isBinary) => {
      if (!this.#mute) options.onMessage(isBinary ? '' : data.toString());
    });
    socket.on('error', () => undefined);
    socket.on('close', () => this.#ended());
  }

  /** Opens the socket; rejects when the application does not take it. */
  static open(options: OutboundSocketOptions): Promise<OutboundSocket> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(options.url, {
        headers: options.headers,
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        perMessageDeflate: false,
        maxPayload: MAX_PAYLOAD_BYTES,
        skipUTF8Validation: true,
      });
      socket.once('error', reject);
      socket.once('open', () => {
        socket.off('error', reject);
        resolve(new OutboundSocket(socket, options));
      });
    });
  }

  /** Sends one message; false when it was dropped because the application does not read. */
  send(message: string): boolean {
    if (this.#over || this.#mute) return false;
    if (this.#socket.bufferedAmount > MAX_UNSENT_BYTES) {
      this.#dropped += 1;
      return false;
    }
    this.#socket.send(message);
    return true;
  }

  /** Frames dropped because the application did not read. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Ends it in good order. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#clearSlow();
    if (this.#socket.isPaused) this.#socket.resume();
    this.#socket.close(1000);
    this.#closing = setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS);
  }

  /** Fault: the connection breaks without a close frame. */
  cut(): void {
    if (this.#over) return;
    this.#over = true;
    this.#clearSlow();
    this.#socket.terminate();
  }

  /** Fault: nothing is sent or read any more, and the connection stays open. */
  freeze(): void {
    this.#mute = true;
    this.#clearSlow();
    this.#socket.pause();
  }

  /** Fault: reads for 200 ms in each 2 s, so that the application's writes back up. */
  readSlowly(): void {
    if (this.#slow || this.#over) return;
    const step = (reading: boolean): void => {
      if (this.#over) return;
      if (reading) this.#socket.resume();
      else this.#socket.pause();
      this.#slow = setTimeout(() => step(!reading), reading ? SLOW_READ_MS : SLOW_PAUSE_MS);
    };
    step(false);
  }

  #ended(): void {
    this.#clearSlow();
    if (this.#closing) clearTimeout(this.#closing);
    if (this.#over) return;
    this.#over = true;
    this.#onLost();
  }

  #clearSlow(): void {
    if (this.#slow) clearTimeout(this.#slow);
    this.#slow = undefined;
  }
}
