import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AzureSpeech } from '../../src/speech/azure-speech.js';
import type { SpeechRequest } from '../../src/speech/port.js';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const KEY = 'test-key';
const REQUEST: SpeechRequest = { text: 'Tom & <Jerry>', voice: 'en-US-AvaNeural', sampleRate: 16000 };

/** Behaves as the REST reference says: header checks, SSML in, raw PCM out in chunks. */
const speak: Handler = (request, response, body) => {
  const { headers } = request;
  const authorised =
    headers['ocp-apim-subscription-key'] === KEY || headers.authorization === 'Bearer aad#r#t';
  if (!authorised) return void response.writeHead(401).end();
  if (request.method !== 'POST' || request.url !== '/cognitiveservices/v1')
    return void response.writeHead(404).end();
  if (headers['content-type'] !== 'application/ssml+xml') return void response.writeHead(415).end();
  const format = /^raw-(16|24)khz-16bit-mono-pcm$/.exec(String(headers['x-microsoft-outputformat']));
  if (!format || !headers['user-agent'] || !body.startsWith('<speak version="1.0"')) {
    return void response.writeHead(400).end('bad request');
  }
  response.writeHead(200, { 'content-type': 'audio/x-wav' });
  // Chunks of odd length: the samples must come out whole all the same.
  response.write(Buffer.alloc(333, 1));
  response.end(Buffer.alloc(307, 2));
};

describe('AzureSpeech', () => {
  let handler: Handler = speak;
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (piece: string) => {
      body += piece;
    });
    request.on('end', () => {
      bodies.push(body);
      handler(request, response, body);
    });
  });
  let endpoint = '';
  const opened: AzureSpeech[] = [];

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    handler = speak;
    bodies.length = 0;
    await Promise.all(opened.splice(0).map((speech) => speech.close()));
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function connect(credential: ConstructorParameters<typeof AzureSpeech>[0]['credential'] = { key: KEY }) {
    const voices = [{ name: 'de-DE-KatjaNeural', language: 'de-DE' }];
    const speech = new AzureSpeech({ endpoint, credential, voices, firstChunkMs: 300, chunkMs: 200 });
    opened.push(speech);
    return speech;
  }

  async function collect(speech: AzureSpeech, request = REQUEST, signal = new AbortController().signal) {
    const chunks: Buffer[] = [];
    for await (const chunk of speech.synthesize(request, signal)) chunks.push(chunk);
    return chunks;
  }

  it('streams whole samples, with a key or a token', async () => {
    for (const speech of [connect(), connect({ token: async () => 'aad#r#t' })]) {
      const chunks = await collect(speech);
      expect(chunks.every((chunk) => chunk.length % 2 === 0)).toBe(true);
      expect(Buffer.concat(chunks).equals(Buffer.concat([Buffer.alloc(333, 1), Buffer.alloc(307, 2)]))).toBe(
        true,
      );
    }
  });

  it('escapes what it speaks, and says voice, language and rate', async () => {
    await collect(connect());
    await collect(connect(), {
      text: 'ja\u0000 \ud800</voice>',
      voice: 'de-DE-KatjaNeural',
      sampleRate: 24000,
      rate: 1.25,
    });
    expect(bodies[0]).toContain('<voice name="en-US-AvaNeural">Tom &amp; &lt;Jerry&gt;</voice>');
    expect(bodies[0]).toContain('xml:lang="en-US"');
    expect(bodies[1]).toContain('xml:lang="de-DE"');
    expect(bodies[1]).toContain('<prosody rate="+25%">ja   &lt;/voice&gt;</prosody>');
  });

  it.each([
    [401, {}, { code: 'RTV_SPEECH_AUTH', retryable: false }],
    [403, {}, { code: 'RTV_SPEECH_AUTH', retryable: false }],
    [400, {}, { code: 'RTV_SPEECH_REJECTED', retryable: false }],
    [415, {}, { code: 'RTV_SPEECH_REJECTED', retryable: false }],
    [429, { 'retry-after': '2' }, { code: 'RTV_SPEECH_THROTTLED', retryable: true, retryAfterMs: 2000 }],
    [429, {}, { code: 'RTV_SPEECH_THROTTLED', retryable: true, retryAfterMs: undefined }],
    [502, {}, { code: 'RTV_SPEECH_UNAVAILABLE', retryable: true }],
    [503, { 'retry-after': '1' }, { code: 'RTV_SPEECH_UNAVAILABLE', retryable: true, retryAfterMs: 1000 }],
  ])('turns status %i into a coded error, after which it still speaks', async (status, headers, expected) => {
    const speech = connect();
    handler = (_request, response) => void response.writeHead(status, headers).end('{"error":"text"}');
    await expect(collect(speech)).rejects.toMatchObject(expected);
    handler = speak;
    expect(Buffer.concat(await collect(speech)).length).toBe(640);
  });

  it('really checks its key against the service', async () => {
    await expect(collect(connect({ key: 'wrong' }))).rejects.toMatchObject({ code: 'RTV_SPEECH_AUTH' });
  });

  it('gives up on silence before and in the midst of the audio', async () => {
    handler = () => {};
    await expect(collect(connect())).rejects.toMatchObject({ code: 'RTV_SPEECH_STALLED', retryable: true });
    handler = (_request, response) => void response.writeHead(200).write(Buffer.alloc(640));
    await expect(collect(connect())).rejects.toMatchObject({ code: 'RTV_SPEECH_STALLED' });
  });

  it('does not take its reader for a slow service', async () => {
    const speech = connect();
    let bytes = 0;
    for await (const chunk of speech.synthesize(REQUEST, new AbortController().signal)) {
      const end = performance.now() + 500;
      await new Promise<void>((resolve) => {
        const check = (): void => void (performance.now() > end ? resolve() : setTimeout(check, 20));
        check();
      });
      bytes += chunk.length;
    }
    expect(bytes).toBe(640);
  });

  it('reports a cut connection, an empty answer and nobody there', async () => {
    handler = (_request, response) => {
      response.writeHead(200, { 'content-length': '10000' });
      response.write(Buffer.alloc(640), () => response.destroy());
    };
    await expect(collect(connect())).rejects.toMatchObject({ code: 'RTV_SPEECH_UNAVAILABLE' });
    handler = (_request, response) => void response.writeHead(200).end();
    await expect(collect(connect())).rejects.toMatchObject({ code: 'RTV_SPEECH_UNAVAILABLE' });
    const nobody = new AzureSpeech({ endpoint: 'http://127.0.0.1:1', credential: { key: KEY }, voices: [] });
    opened.push(nobody);
    await expect(collect(nobody)).rejects.toMatchObject({ code: 'RTV_SPEECH_UNAVAILABLE', retryable: true });
  });

  it('ends the request when the caller aborts, and when the reader leaves', async () => {
    const closed: Promise<void>[] = [];
    handler = (_request, response) => {
      closed.push(new Promise((resolve) => response.once('close', resolve)));
      response.writeHead(200).write(Buffer.alloc(640));
    };
    const controller = new AbortController();
    const reading = collect(connect(), REQUEST, controller.signal).catch((error: unknown) => error);
    while (closed.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    controller.abort();
    expect(await reading).toMatchObject({ code: 'RTV_SPEECH_ABORTED' });
    for await (const chunk of connect().synthesize(REQUEST, new AbortController().signal)) {
      expect(chunk.length).toBe(640);
      break;
    }
    expect(closed).toHaveLength(2);
    await Promise.all(closed);
  });
});
