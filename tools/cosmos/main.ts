import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { tryLock } from '../stack/parts/lock.js';
import { StandInError } from './errors.js';
import { compact, type Entry, Journal, replay } from './journal.js';
import { createStandIn, type Served } from './server.js';
import { Store } from './store.js';

const HOST = '127.0.0.1';
/** ms that open requests get when the stand-in is told to end. */
const CLOSE_MS = 1_000;

function settings(argv: string[]): { port: number; data: string; advertise: number | undefined } {
  const usage =
    'usage: main.js --port PORT --data FOLDER [--advertise PORT] (port 0: any free one; clients are told the advertised one)';
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        port: { type: 'string', default: '0' },
        data: { type: 'string' },
        advertise: { type: 'string' },
      },
    });
    const port = Number(values.port);
    const advertise = values.advertise === undefined ? undefined : Number(values.advertise);
    if (!values.data || !isPort(port) || !isPort(advertise ?? port)) throw new Error(usage);
    return { port, data: resolve(values.data), advertise };
  } catch (cause) {
    const reason = cause instanceof Error && cause.message !== usage ? `${cause.message}\n` : '';
    throw new StandInError('RTV_STACK_COSMOS_ARGUMENTS', `${reason}${usage}`, { cause });
  }
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535;

/**
 * Brings the store to where the journal ends. The journal is rewritten when it holds more than the
 * present state (or a line that a crash cut off), so that it does not grow from start to start.
 */
async function recover(folder: string, store: Store): Promise<{ documents: number; tornBytes: number }> {
  const { entries, tornBytes } = await replay(folder, (entry) => store.apply(entry));
  let present = 0;
  let documents = 0;
  for (const entry of store.snapshot()) {
    present += 1;
    if (entry.t === 'doc') documents += 1;
  }
  if (tornBytes > 0 || entries > present) await compact(folder, store.snapshot());
  return { documents, tornBytes };
}

async function main(): Promise<void> {
  const { port, data, advertise } = settings(process.argv.slice(2));
  await mkdir(data, { recursive: true, mode: 0o700 });
  const lock = await tryLock(join(data, 'journal.lock'));
  if (typeof lock !== 'function') {
    throw new StandInError('RTV_STACK_COSMOS_LOCKED', `${data} is in use by process ${lock.heldBy}`);
  }

  let served: Served | undefined;
  const server = createStandIn(
    () => served,
    (error) => {
      console.error(
        `the journal cannot be written, ending: ${error instanceof Error ? error.message : error}`,
      );
      process.exit(1);
    },
  );
  await new Promise<void>((done, fail) => {
    server.once('error', (cause) => {
      fail(new StandInError('RTV_STACK_COSMOS_PORT', `cannot listen on ${HOST}:${port}`, { cause }));
    });
    server.listen(port, HOST, done);
  });
  const address = server.address() as AddressInfo;

  let record: (entry: Entry) => void = () => {};
  const store = new Store(HOST, advertise ?? address.port, (entry) => record(entry));
  const started = performance.now();
  const { documents, tornBytes } = await recover(data, store);
  const journal = await Journal.open(data);
  record = (entry) => journal.append(entry);
  served = { store, journal };
  const took = Math.round(performance.now() - started);
  const torn = tornBytes > 0 ? `, ${tornBytes} bytes of an unanswered write dropped` : '';
  console.log(
    `Cosmos DB stand-in, for development only (any key is accepted): http://${HOST}:${address.port}/, ` +
      `${documents} documents from ${data} in ${took} ms${torn}`,
  );

  const end = async (): Promise<void> => {
    const hurry = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
    await new Promise<void>((done) => {
      server.close(() => done());
      server.closeIdleConnections();
    });
    clearTimeout(hurry);
    await journal.close();
    await lock();
  };
  const onSignal = (): void => {
    end().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', onSignal).once('SIGINT', onSignal);
}

main().catch((error: unknown) => {
  console.error(error instanceof StandInError ? error.message : error);
  process.exit(error instanceof StandInError && error.code === 'RTV_STACK_COSMOS_ARGUMENTS' ? 2 : 1);
});
