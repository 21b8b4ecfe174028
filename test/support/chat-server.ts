/**
 * An OpenAI-compatible chat service on a free port that answers as it is told: in time, late, never, with errors, cut
 * in the midst. Streams server-sent events as the real ones do, role chunk, bill and [DONE] included.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ChatCall {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: {
    readonly model?: string;
    readonly stream?: boolean;
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly [field: string]: unknown;
  };
  /** The last message. */
  readonly heard: string;
  /** Words that were sent by now. */
  sent: number;
  /** The client closed the connection before the end. */
  cutByClient: boolean;
}

/** What the service does with one request. */
export type ChatBehaviour =
  | {
      readonly kind: 'answer';
      readonly text: string;
      /** Before the first word and between words, ms. */
      readonly firstMs?: number;
      readonly eachMs?: number;
      /** Ends the connection after so many words. */
      readonly cutAfter?: number;
      /** Sends no more after so many words, and keeps the connection. */
      readonly hangAfter?: number;
      readonly finish?: string;
      readonly bill?: boolean;
      /** Bytes of a write; events are cut anywhere by it. */
      readonly bytes?: number;
    }
  | { readonly kind: 'hang' }
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: 'raw'; readonly text: string; readonly type?: string };

export interface ChatServer {
  readonly baseUrl: string;
  readonly calls: readonly ChatCall[];
  /** What comes next; a function decides for each request. */
  behave(behaviour: ChatBehaviour | ((call: ChatCall) => ChatBehaviour)): void;
  close(): Promise<void>;
}

/** The words as a model makes them: each with the space before it. */
export const tokensOf = (text: string): string[] => text.match(/\s*\S+/g) ?? [];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function startChatServer(): Promise<ChatServer> {
  let decide: (call: ChatCall) => ChatBehaviour = () => ({ kind: 'answer', text: 'Hello.' });
  const calls: ChatCall[] = [];
  const server = createServer((request, response) => {
    void read(request).then(async (body) => {
      const parsed = JSON.parse(body) as ChatCall['body'];
      const heard = parsed.messages.at(-1)?.content ?? '';
      const call: ChatCall = {
        ...{ url: request.url ?? '', headers: request.headers, body: parsed, heard },
        ...{ sent: 0, cutByClient: false },
      };
      calls.push(call);
      response.once('close', () => {
        call.cutByClient = !response.writableFinished;
      });
      await act(decide(call), call, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls,
    behave(behaviour) {
      decide = typeof behaviour === 'function' ? behaviour : () => behaviour;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function act(behaviour: ChatBehaviour, call: ChatCall, response: ServerResponse): Promise<void> {
  switch (behaviour.kind) {
    case 'hang':
      return;
    case 'status':
      response.writeHead(behaviour.status, behaviour.headers).end('{"error":{"message":"no"}}');
      return;
    case 'raw':
      response.writeHead(200, { 'content-type': behaviour.type ?? 'text/event-stream' }).end(behaviour.text);
      return;
    case 'answer':
      await answer(behaviour, call, response);
  }
}

async function answer(
  behaviour: ChatBehaviour & { kind: 'answer' },
  call: ChatCall,
  response: ServerResponse,
): Promise<void> {
  const { text, firstMs = 0, eachMs = 0, cutAfter, hangAfter, finish = 'stop', bill = true } = behaviour;
  const model = `${call.body.model ?? 'model'}-0001`;
  const write = async (text: string): Promise<void> => {
    const size = behaviour.bytes ?? text.length;
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += size) {
      response.write(bytes.subarray(at, at + size));
      if (behaviour.bytes) await pause(0);
    }
  };
  const event = (choices: object[], more: object = {}): Promise<void> =>
    write(`data: ${JSON.stringify({ object: 'chat.completion.chunk', model, choices, ...more })}\n\n`);
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  await write(': open\n\n');
  await event([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]);
  if (firstMs > 0) await pause(firstMs);
  for (const token of tokensOf(text)) {
    if (response.destroyed) return;
    if (call.sent === hangAfter) return;
    if (call.sent === cutAfter) {
      // Its own doing, not the client's; what was written before still arrives.
      response.removeAllListeners('close').socket?.destroySoon();
      return;
    }
    if (call.sent > 0 && eachMs > 0) await pause(eachMs);
    await event([{ index: 0, delta: { content: token }, finish_reason: null }]);
    call.sent += 1;
  }
  await event([{ index: 0, delta: {}, finish_reason: finish }]);
  if (bill) {
    const usage = { prompt_tokens: 100, completion_tokens: call.sent, total_tokens: 100 + call.sent };
    await event([], { usage });
  }
  await write('data: [DONE]\n\n');
  response.end();
}

async function read(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}
