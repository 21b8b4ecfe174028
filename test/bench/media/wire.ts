/**
 * The far end of a media socket, as thin as it can be: a WebSocket client on a bare TCP socket (RFC 6455), so that a
 * process can stand for hundreds of callers and still keep time. Messages are masked once, when they are made.
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const FIN_TEXT = 0x81;
const FIN_CLOSE = 0x88;
const OPCODE = 0x0f;
const TEXT = 1;
const CLOSE = 8;
const MASKED = 0x80;
const EMPTY = Buffer.alloc(0);
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** A text message as it goes over the wire, masked: may be sent over any line, any number of times. */
export function textMessage(text: string | Buffer): Buffer {
  return masked(FIN_TEXT, Buffer.isBuffer(text) ? text : Buffer.from(text));
}

function masked(first: number, payload: Buffer): Buffer {
  const short = payload.length < LENGTH_16;
  const head = short ? 6 : 8;
  const message = Buffer.allocUnsafe(head + payload.length);
  message[0] = first;
  message[1] = MASKED | (short ? payload.length : LENGTH_16);
  if (!short) message.writeUInt16BE(payload.length, 2);
  const mask = randomBytes(4);
  mask.copy(message, head - 4);
  for (let at = 0; at < payload.length; at += 1) {
    message[head + at] = (payload[at] ?? 0) ^ (mask[at & 3] ?? 0);
  }
  return message;
}

export interface LineTarget {
  readonly port: number;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is read lies here until it was looked at: one for all lines. */
const READ = Buffer.allocUnsafeSlow(256 * 1024);

/** One WebSocket to the worker. Servers do not mask, so that a message is a view of what was read. */
export class PhoneLine {
  /** A text message came; the buffer is valid during the call alone. */
  onText: (payload: Buffer) => void = () => undefined;
  onClosed: () => void = () => undefined;
  readonly #socket: Socket;
  #rest: Buffer = EMPTY;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.onClosed());
  }

  static open({ port, path, headers = {} }: LineTarget): Promise<PhoneLine> {
    return new Promise((resolve, reject) => {
      const key = randomBytes(16).toString('base64');
      let take: (chunk: Buffer) => void = () => undefined;
      // Past the streams of Node: that is half of what reading costs.
      const onread = {
        buffer: READ,
        callback: (bytes: number): boolean => {
          take(READ.subarray(0, bytes));
          return true;
        },
      };
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
      const lines = [
        `GET ${path} HTTP/1.1`,
        `Host: 127.0.0.1:${port}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${key}`,
        ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      ];
      socket.once('error', reject);
      socket.once('close', () => reject(new Error(`${path}: closed in the handshake`)));
      socket.write(`${lines.join('\r\n')}\r\n\r\n`);
      let head = Buffer.alloc(0);
      take = (chunk) => {
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        socket.off('error', reject);
        const answer = head.toString('latin1', 0, end);
        const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
        if (!answer.startsWith('HTTP/1.1 101') || !answer.includes(accept)) {
          socket.destroy();
          reject(new Error(`${path}: ${answer.split('\r\n')[0]}`));
          return;
        }
        const line = new PhoneLine(socket);
        take = (more) => line.#read(more);
        resolve(line);
        // What came with the handshake is read once the caller could set its listeners.
        const early = head.subarray(end + 4);
        if (early.length > 0) queueMicrotask(() => line.#read(early));
      };
    });
  }

  /** @param message of `textMessage` */
  send(message: Buffer): void {
    this.#socket.write(message);
  }

  /** Bytes that the kernel has not taken yet. */
  get unsent(): number {
    return this.#socket.writableLength;
  }

  /** Stops or goes on reading, so that the other side's writes back up. */
  read(on: boolean): void {
    if (on) this.#socket.resume();
    else this.#socket.pause();
  }

  /** Closes in good order and waits until the socket is gone. */
  close(): Promise<void> {
    if (this.#socket.closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.once('close', () => resolve());
      this.#socket.end(masked(FIN_CLOSE, Buffer.from([0x03, 0xe8])));
    });
  }

  #read(chunk: Buffer): void {
    let data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    for (;;) {
      const size = messageSize(data);
      if (size === undefined || data.length < size.end) break;
      const opcode = (data[0] ?? 0) & OPCODE;
      if (opcode === TEXT) this.onText(data.subarray(size.start, size.end));
      else if (opcode === CLOSE) this.#socket.end();
      data = data.subarray(size.end);
    }
    // The buffer is read into again.
    this.#rest = data.length > 0 ? Buffer.from(data) : EMPTY;
  }
}

function messageSize(data: Buffer): { start: number; end: number } | undefined {
  if (data.length < 2) return undefined;
  const length = (data[1] ?? 0) & 0x7f;
  if (length < LENGTH_16) return { start: 2, end: 2 + length };
  if (length === LENGTH_64) {
    return data.length < 10 ? undefined : { start: 10, end: 10 + Number(data.readBigUInt64BE(2)) };
  }
  return data.length < 4 ? undefined : { start: 4, end: 4 + data.readUInt16BE(2) };
}
