import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cosmos, cosmosFrom } from '../../../src/stores/cosmos/client.js';
import { CosmosArchive } from '../../../src/stores/cosmos/cosmos-archive.js';
import { DaprArchive } from '../../../src/stores/cosmos/dapr-archive.js';
import { provision } from '../../../src/stores/cosmos/provision.js';
import { DaprState } from '../../../src/stores/dapr-state.js';
import { CosmosProxy } from '../../support/cosmos-proxy.js';
import { STANDIN_KEY, startCosmosTarget } from '../../support/cosmos-target.js';
import { startStateSidecar } from '../../support/daprd-state.js';
import { turnOf } from '../../support/turn-document.js';
import { archiveContract } from './archive-contract.js';

interface Rig {
  readonly state: DaprState;
  readonly archive: DaprArchive;
  readonly proxy: CosmosProxy;
  readonly cosmos: Cosmos;
  close(): Promise<void>;
}

async function startRig(): Promise<Rig> {
  const target = await startCosmosTarget();
  const proxy = await new CosmosProxy({ target: target.url }).start();
  const settings = { endpoint: proxy.url, key: STANDIN_KEY, database: 'rtvoice', deadlineMs: 2000 };
  await provision(settings);
  const cosmos = await cosmosFrom(settings);
  const sidecar = await startStateSidecar(proxy.url);
  const state = new DaprState({ baseUrl: sidecar.url, apiToken: sidecar.apiToken });
  return {
    state,
    archive: new DaprArchive({ state, deadlineMs: 6000 }),
    proxy,
    cosmos,
    close: async () => {
      await state.close();
      await sidecar.stop();
      cosmos.close();
      await proxy.stop();
      await target.stop();
    },
  };
}

archiveContract('Dapr state component', async () => {
  const rig = await startRig();
  return {
    archive: rig.archive,
    other: new CosmosArchive(rig.cosmos),
    proxy: rig.proxy,
    seesRetryAfter: false,
    close: rig.close,
  };
});

describe('429 through the Dapr state API, on the wire', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig();
  }, 60_000);
  afterAll(async () => {
    await rig?.close();
  });

  it('is repeated by daprd, which keeps to retry-after, before anything reaches the caller', async () => {
    let left = 2;
    rig.proxy.fault = (request) =>
      request.method === 'POST' && left-- > 0 ? { kind: 'throttle', retryAfterMs: 300 } : undefined;
    const from = rig.proxy.requests.length;
    expect(await rig.archive.create(turnOf('throttled-twice', 1))).toEqual({ kind: 'created' });
    const posts = rig.proxy.requests.slice(from).filter((r) => r.method === 'POST');
    expect(posts.map((r) => r.status)).toEqual([429, 429, 201]);
    const gaps = posts.slice(1).map((r, i) => r.at - (posts[i]?.at ?? 0));
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(299);
  });

  it('reaches the caller after four tries as status 500 without retry-after; 429 stands in the text', async () => {
    rig.proxy.fault = () => ({ kind: 'throttle', retryAfterMs: 40 });
    const from = rig.proxy.requests.length;
    const outcome = await rig.state.save({
      store: 'transcripts',
      key: 'throttled-always',
      value: {},
      firstWrite: true,
      partitionKey: 'throttled-always',
    });
    expect(outcome).toEqual({ kind: 'failed', status: 500, code: 'ERR_STATE_SAVE', upstream: 429 });
    expect(rig.proxy.requests.length - from).toBe(4);
    rig.proxy.fault = undefined;
  });

  it('refuses a caller without the API token', async () => {
    const bare = new DaprState({ baseUrl: rig.state.baseUrl });
    expect(await bare.get({ store: 'transcripts', key: 'x' })).toMatchObject({ kind: 'failed', status: 401 });
    await bare.close();
  });
});
