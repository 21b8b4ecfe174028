/** A cut is silent: nothing passes, nothing is closed, and what waited goes on afterwards. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Network } from './network.js';
import { inodeOf } from './whose.js';

let echo: Server;
let network: Network;
const clients: Socket[] = [];
/** Whose this very process is taken for. */
let self: number | undefined;

beforeEach(async () => {
  self = undefined;
  echo = createServer((socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  const { port } = echo.address() as { port: number };
  network = await Network.open(
    [
      { name: 'store', port, from: 'looked for' },
      { name: 'worker-3:store', port, from: 3 },
      { name: 'worker-2-public', port, worker: 2, from: 'outside' },
    ],
    { pids: () => new Map(self === undefined ? [] : [[self, [process.pid]]]) },
  );
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await network.close();
  await new Promise((resolve) => echo.close(resolve));
});

interface Line {
  readonly socket: Socket;
  heard: string;
  closed: boolean;
}

async function call(name: string): Promise<Line> {
  const socket = connect({ host: '127.0.0.1', port: network.ports[name] ?? 0 });
  clients.push(socket);
  const line: Line = { socket, heard: '', closed: false };
  socket.setEncoding('utf8').on('data', (text: string) => {
    line.heard += text;
  });
  socket
    .on('error', () => undefined)
    .once('close', () => {
      line.closed = true;
    });
  await new Promise((resolve) => socket.once('connect', resolve));
  return line;
}

const until = (condition: () => boolean): Promise<void> =>
  expect.poll(condition, { timeout: 5_000 }).toBe(true);

/** Long enough for loopback to have carried what it can carry: another line's echo has come back since. */
async function aWhile(): Promise<void> {
  const other = await call('store');
  for (let round = 0; round < 5; round += 1) {
    const before = other.heard.length;
    other.socket.write('x');
    await until(() => other.heard.length > before);
  }
}

it('passes on, both ways, and the end too', async () => {
  const line = await call('store');
  line.socket.write('one');
  await until(() => line.heard === 'one');
  line.socket.end();
  await until(() => line.closed);
});

it('a cut worker is not reached; healed, what was sent arrives', async () => {
  const line = await call('worker-2-public');
  line.socket.write('one ');
  await until(() => line.heard === 'one ');
  network.cut(2);
  line.socket.write('two');
  const late = await call('worker-2-public');
  late.socket.write('late');
  await aWhile();
  expect([line.heard, line.closed, late.heard, late.closed]).toEqual(['one ', false, '', false]);
  network.heal(2);
  await until(() => line.heard === 'one two' && late.heard === 'late');
});

it('a cut worker reaches nothing, others do', async () => {
  self = 1;
  const line = await call('store');
  line.socket.write('one ');
  await until(() => line.heard === 'one ');
  network.cut(1);
  line.socket.write('two');
  self = 3;
  await aWhile();
  expect([line.heard, line.closed]).toEqual(['one ', false]);
  network.heal(1);
  await until(() => line.heard === 'one two');
});

it('one on the way of a worker is its, whoever it looks like', async () => {
  const line = await call('worker-3:store');
  line.socket.write('one ');
  await until(() => line.heard === 'one ');
  network.cut(3);
  line.socket.write('two');
  await aWhile();
  expect([line.heard, line.closed]).toEqual(['one ', false]);
  network.heal(3);
  await until(() => line.heard === 'one two');
});

it('an end during the cut is heard of after it', async () => {
  let ended = 0;
  echo.on('connection', (socket) => socket.once('close', () => ended++));
  const line = await call('worker-2-public');
  line.socket.write('one');
  await until(() => line.heard === 'one');
  network.cut(2);
  line.socket.destroy();
  // The other line of this while lives on.
  await aWhile();
  expect(ended).toBe(0);
  network.heal(2);
  await until(() => ended === 1);
});

it("finds a socket's inode by both of its ports", () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 111 1',
    '   1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 222 1',
  ].join('\n');
  expect(inodeOf(table, 50_000, 8_080)).toBe('222');
  expect(inodeOf(table, 50_001, 8_080)).toBeUndefined();
});
