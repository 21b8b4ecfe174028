import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type FrontDoor, startFrontDoor } from '../../src/frontdoor/server.js';
import { until } from './until.js';
import { TestUpstream } from './upstream.js';

let first: TestUpstream;
let second: TestUpstream;
let door: FrontDoor;
let base: string;

const asked = async (path = '/x'): Promise<string> => {
  const response = await fetch(base + path, { method: 'POST', body: 'b' });
  await response.text();
  return response.headers.get('x-worker') ?? String(response.status);
};
/** Workers that answer a few requests in a row. */
const answering = async (): Promise<string[]> =>
  [...new Set([await asked(), await asked(), await asked()])].sort();

async function socketTo(path = '/acs/media/t'): Promise<{ socket: WebSocket; worker: string }> {
  const socket = new WebSocket(base.replace('http', 'ws') + path);
  const [greeting] = (await once(socket, 'message')) as [Buffer];
  return { socket, worker: greeting.toString() };
}

beforeEach(async () => {
  first = new TestUpstream('one');
  second = new TestUpstream('two');
  await Promise.all([first.start(), second.start()]);
  door = await startFrontDoor({
    host: '127.0.0.1',
    port: 0,
    upstreams: [first.url, second.url],
    probeEveryMs: 50,
    probeDeadlineMs: 400,
  });
  base = `http://127.0.0.1:${door.port}`;
  await until('both are ready', async () => (await answering()).join() === 'one,two');
});

afterEach(async () => {
  await Promise.all([first.stop(), second.stop()]);
  await door.close(100);
});

describe('requests', () => {
  it('go to the ready workers in turn', async () => {
    const seen = [];
    for (let count = 0; count < 10; count += 1) seen.push(await asked());
    expect(seen.filter((id) => id === 'one')).toHaveLength(5);
    expect(seen.filter((id) => id === 'two')).toHaveLength(5);
  });

  it('carry body, status and headers unchanged both ways, and tell the worker who asked', async () => {
    const body = randomBytes(3_000_000);
    const response = await fetch(`${base}/a/b?c=d%20e`, {
      method: 'PUT',
      body,
      headers: { host: 'example.test' },
    });
    expect(response.status).toBe(201);
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
    expect(response.headers.get('x-forwarded')).toMatch(/^127\.0\.0\.1 http /);
    expect([...first.requests, ...second.requests]).toContain('PUT /a/b?c=d%20e');
  });

  it('stream: the first bytes of the answer come before the last bytes of the question', async () => {
    const asking = request({ port: door.port, host: '127.0.0.1', method: 'POST', path: '/stream' });
    asking.write('first');
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    const chunks = response.setEncoding('utf8')[Symbol.asyncIterator]() as AsyncIterator<string>;
    expect(await chunks.next()).toEqual({ done: false, value: 'first' });
    asking.end('second');
    expect(await chunks.next()).toEqual({ done: false, value: 'second' });
    expect(await chunks.next()).toMatchObject({ done: true });
  });

  it('leave a worker that says it is not ready, and come back to it', async () => {
    first.ready = false;
    await until('only two answers', async () => (await answering()).join() === 'two');
    first.ready = true;
    await until('both answer', async () => (await answering()).join() === 'one,two');
  });

  it('none is lost when a worker is gone before any probe could tell', async () => {
    await first.stop();
    const seen = await Promise.all(Array.from({ length: 20 }, () => asked()));
    expect(new Set(seen)).toEqual(new Set(['two']));
    await first.start();
    await until('both answer', async () => (await answering()).join() === 'one,two');
  });

  it('a worker that dies while it works gives 502: the request is not sent to another', async () => {
    const before = first.requests.length + second.requests.length;
    const asking = fetch(`${base}/hang`, { method: 'POST', body: 'x' });
    await until('it has arrived', () => first.requests.length + second.requests.length > before);
    const holder = first.requests.at(-1) === 'POST /hang' ? first : second;
    const other = holder === first ? second : first;
    await holder.stop();
    const response = await asking;
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ code: 'RTV_FRONTDOOR_WORKER_LOST', status: 502 });
    expect(other.requests).not.toContain('POST /hang');
  });

  it('half an answer is not passed off as a whole one', async () => {
    const response = await fetch(`${base}/half`);
    await expect(response.text()).rejects.toThrow();
  });

  it('a caller that hangs up is gone for the worker too', async () => {
    const giveUp = new AbortController();
    const asking = fetch(`${base}/hang`, { signal: giveUp.signal });
    await until('it has arrived', () => [...first.requests, ...second.requests].includes('GET /hang'));
    giveUp.abort();
    await expect(asking).rejects.toThrow();
    await until('the worker sees it', () => [...first.aborted, ...second.aborted].includes('/hang'));
  });

  it('none ready: 503 as problem+json', async () => {
    first.ready = false;
    second.ready = false;
    await until('none answers', async () => (await answering()).join() === '503');
    const response = await fetch(`${base}/x`);
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ code: 'RTV_FRONTDOOR_NO_WORKER' });
  });

  it('a worker that accepts and stays silent is left within the deadline of a probe', async () => {
    await first.stop();
    const silent = connectionsThatStay(Number(new URL(first.url).port));
    await silent.listening;
    const soon = () =>
      fetch(`${base}/x`, { signal: AbortSignal.timeout(200) }).then((response) => response.status);
    await until('only two is asked', async () => {
      const answers = await Promise.all([1, 2, 3, 4].map(() => soon().catch(() => 0)));
      return answers.every((status) => status === 201);
    });
    await silent.close();
  });

  it('the list of workers can change', async () => {
    door.setUpstreams([second.url]);
    expect(await answering()).toEqual(['two']);
    door.setUpstreams([first.url, second.url]);
    await until('both answer', async () => (await answering()).join() === 'one,two');
  });
});

describe('WebSockets', () => {
  it('are spread too, and carry text and binary frames both ways', async () => {
    const joined = [await socketTo(), await socketTo()];
    expect(joined.map(({ worker }) => worker).sort()).toEqual(['one', 'two']);
    for (const { socket } of joined) {
      const frame = randomBytes(640);
      socket.send(frame);
      const [echo, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
      expect([isBinary, echo.equals(frame)]).toEqual([true, true]);
      socket.close();
    }
  });

  it('a close by the worker reaches the caller with code and reason', async () => {
    const { socket, worker } = await socketTo();
    const there = (worker === 'one' ? first : second).sockets.at(-1);
    const closed = once(socket, 'close') as Promise<[number, Buffer]>;
    there?.close(4001, 'moved');
    const [code, reason] = await closed;
    expect([code, reason.toString()]).toEqual([4001, 'moved']);
  });

  it('a close by the caller reaches the worker with code and reason', async () => {
    const { socket, worker } = await socketTo();
    const there = (worker === 'one' ? first : second).sockets.at(-1);
    if (!there) throw new Error('no socket at the worker');
    const closed = once(there, 'close') as Promise<[number, Buffer]>;
    socket.close(4002, 'bye');
    const [code, reason] = await closed;
    expect([code, reason.toString()]).toEqual([4002, 'bye']);
  });

  it('a connection cut on one side is cut on the other, at once', async () => {
    const { socket, worker } = await socketTo();
    const there = (worker === 'one' ? first : second).sockets.at(-1);
    const closed = once(socket, 'close') as Promise<[number]>;
    const cut = performance.now();
    there?.terminate();
    expect((await closed)[0]).toBe(1006);
    expect(performance.now() - cut).toBeLessThan(1000);

    const again = await socketTo();
    const thereAgain = (again.worker === 'one' ? first : second).sockets.at(-1);
    if (!thereAgain) throw new Error('no socket at the worker');
    const closedThere = once(thereAgain, 'close') as Promise<[number]>;
    again.socket.terminate();
    expect((await closedThere)[0]).toBe(1006);
  });

  it('stay with their worker when it is no longer ready', async () => {
    const { socket, worker } = await socketTo();
    const owner = worker === 'one' ? first : second;
    owner.ready = false;
    await until('no new request goes there', async () => !(await answering()).includes(worker));
    socket.send('still here');
    const [echo] = (await once(socket, 'message')) as [Buffer];
    expect(echo.toString()).toBe('still here');
    socket.close();
  });

  it('go to another worker when the first refuses the connection', async () => {
    await first.stop();
    const joined = [await socketTo(), await socketTo()];
    expect(joined.map(({ worker }) => worker)).toEqual(['two', 'two']);
    for (const { socket } of joined) socket.close();
  });

  it('none ready: 503 instead of an upgrade', async () => {
    await Promise.all([first.stop(), second.stop()]);
    const socket = new WebSocket(`${base.replace('http', 'ws')}/acs/media/t`);
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
    expect(response.statusCode).toBe(503);
    socket.on('error', () => undefined);
    socket.terminate();
  });
});

it('a line that is no HTTP gets 400', async () => {
  const socket = connect(door.port, '127.0.0.1');
  socket.end('nonsense\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 400/);
});

it('a port in use is an error, not a crash', async () => {
  await expect(
    startFrontDoor({ host: '127.0.0.1', port: door.port, upstreams: [first.url] }),
  ).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
});

function connectionsThatStay(port: number): { listening: Promise<unknown>; close(): Promise<void> } {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(port, '127.0.0.1');
  return {
    listening: once(server, 'listening'),
    async close() {
      for (const socket of open) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}
