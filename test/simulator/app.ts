import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AnswerCallOptions, CallAutomationClient } from '@azure/communication-call-automation';
import { type WebSocket, WebSocketServer } from 'ws';

/** One callback as it came in. */
export interface ReceivedEvent {
  readonly id: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly authorization: string | undefined;
  readonly raw: string;
}

/** A message on one of the two sockets. */
export type SocketMessage = Record<string, unknown> & { kind: string };

export interface TestAppOptions {
  readonly connectionString: string;
  /** Overrides of what answerCall asks for. */
  readonly answer?: Partial<AnswerCallOptions>;
  /** Called for each IncomingCall; by default it is answered. Returns the status of the delivery. */
  readonly onIncoming?: (app: TestApp, context: string) => Promise<number>;
  /** Frames of 20 ms that the agent speaks as greeting and after each final transcript; 0: it stays silent. */
  readonly replyFrames?: number;
  readonly format?: 'Pcm16KMono' | 'Pcm24KMono';
  readonly channel?: 'mixed' | 'unmixed';
  /** Refuses the media socket. */
  readonly refuseMedia?: boolean;
}

/** A small application on the real SDK that talks back: 440 Hz after each final transcript. */
export class TestApp {
  readonly client: CallAutomationClient;
  readonly events: ReceivedEvent[] = [];
  readonly incoming: Array<{ headers: IncomingMessage['headers']; body: string }> = [];
  readonly media: SocketMessage[] = [];
  readonly mediaRaw: string[] = [];
  readonly transcripts: SocketMessage[] = [];
  readonly upgrades: Array<{ url: string; headers: IncomingMessage['headers'] }> = [];
  readonly callIds: string[] = [];
  mediaSocket: WebSocket | undefined;
  url = '';
  status = 202;
  readonly #options: TestAppOptions;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #mediaOf = new Map<string, WebSocket>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(options: TestAppOptions) {
    this.#options = options;
    this.client = new CallAutomationClient(options.connectionString, {
      allowInsecureConnection: true,
      retryOptions: { retryDelayInMs: 5, maxRetryDelayInMs: 20 },
    });
    this.#server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (part: string) => {
        body += part;
      });
      request.on('end', () => {
        this.#handle(request, body).then(
          ([status, text]) => response.writeHead(status).end(text),
          () => response.writeHead(500).end(),
        );
      });
    });
    this.#server.on('upgrade', (request, socket, head) => {
      this.upgrades.push({ url: request.url ?? '', headers: request.headers });
      if (options.refuseMedia && request.url === '/media') {
        socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n');
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (ws) => {
        const call = String(request.headers['x-ms-call-connection-id']);
        if (request.url === '/media') this.#media(ws, call);
        else this.#transcription(ws, call);
      });
    });
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    this.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    return this;
  }

  get wsUrl(): string {
    return this.url.replace('http:', 'ws:');
  }

  answerOptions(): AnswerCallOptions {
    return {
      operationContext: 'ctx-answer',
      mediaStreamingOptions: {
        transportType: 'websocket',
        transportUrl: `${this.wsUrl}/media`,
        contentType: 'audio',
        audioChannelType: this.#options.channel ?? 'mixed',
        startMediaStreaming: true,
        enableBidirectional: true,
        enableDtmfTones: true,
        audioFormat: this.#options.format ?? 'Pcm16KMono',
      },
      transcriptionOptions: {
        transportType: 'websocket',
        transportUrl: `${this.wsUrl}/transcription`,
        locale: 'en-US',
        startTranscription: true,
        enableIntermediateResults: true,
      },
      ...this.#options.answer,
    };
  }

  async answer(context: string): Promise<string> {
    const result = await this.client.answerCall(context, `${this.url}/callbacks`, this.answerOptions());
    const id = result.callConnectionProperties.callConnectionId ?? '';
    this.callIds.push(id);
    return id;
  }

  /** Events of one type, by their short names. */
  of(type: string): ReceivedEvent[] {
    return this.events.filter((event) => event.type === `Microsoft.Communication.${type}`);
  }

  /** Speaks a tone for this many frames, paced by the clock. */
  speak(frames: number, socket = this.mediaSocket): void {
    const rate = this.#options.format === 'Pcm24KMono' ? 24000 : 16000;
    const data = tone(rate).toString('base64');
    let sent = 0;
    const startedAt = performance.now();
    const timer = setInterval(() => {
      while (sent < frames && performance.now() - startedAt >= sent * 20) {
        socket?.send(
          JSON.stringify({ kind: 'audioData', audioData: { data, isSilent: false }, stopAudio: {} }),
        );
        sent += 1;
      }
      if (sent >= frames) {
        clearInterval(timer);
        this.#timers.delete(timer);
      }
    }, 10);
    this.#timers.add(timer);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    for (const ws of this.#sockets.clients) ws.terminate();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #handle(request: IncomingMessage, body: string): Promise<[number, string]> {
    if (request.url === '/incoming') {
      this.incoming.push({ headers: request.headers, body });
      const [event] = JSON.parse(body) as Array<{ eventType: string; data: Record<string, string> }>;
      if (event?.eventType === 'Microsoft.EventGrid.SubscriptionValidationEvent') {
        return [200, JSON.stringify({ validationResponse: event.data.validationCode })];
      }
      const context = event?.data.incomingCallContext ?? '';
      if (this.#options.onIncoming) return [await this.#options.onIncoming(this, context), ''];
      await this.answer(context);
      return [200, ''];
    }
    for (const event of JSON.parse(body) as ReceivedEvent[]) {
      this.events.push({ ...event, authorization: request.headers.authorization, raw: body });
    }
    return [this.status, ''];
  }

  #media(ws: WebSocket, call: string): void {
    this.mediaSocket = ws;
    this.#mediaOf.set(call, ws);
    ws.on('error', () => undefined);
    const reply = this.#options.replyFrames ?? 10;
    if (reply > 0) this.speak(reply, ws);
    ws.on('message', (data) => {
      const text = data.toString();
      if (this.mediaRaw.length < 10_000) this.mediaRaw.push(text);
      try {
        this.media.push(JSON.parse(text) as SocketMessage);
      } catch {
        // Garbage on purpose: kept in mediaRaw.
      }
    });
  }

  #transcription(ws: WebSocket, call: string): void {
    ws.on('error', () => undefined);
    ws.on('message', (data) => {
      const message = JSON.parse(data.toString()) as SocketMessage;
      this.transcripts.push(message);
      const final = (message.transcriptionData as { resultStatus?: string } | undefined)?.resultStatus;
      const reply = this.#options.replyFrames ?? 10;
      if (final === 'Final' && reply > 0) this.speak(reply, this.#mediaOf.get(call));
    });
  }
}

/** 20 ms of 440 Hz, PCM16 mono. */
export function tone(rate: number): Buffer {
  const pcm = Buffer.alloc((rate / 50) * 2);
  for (let i = 0; i < pcm.length / 2; i++) {
    pcm.writeInt16LE(Math.round(8000 * Math.sin((2 * Math.PI * 440 * i) / rate)), i * 2);
  }
  return pcm;
}

/** Waits until a condition holds; throws with its name after a generous deadline. */
export async function until(name: string, condition: () => boolean, deadlineMs = 15_000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`never happened: ${name}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
