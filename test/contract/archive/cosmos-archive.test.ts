import { cosmosFrom } from '../../../src/stores/cosmos/client.js';
import { CosmosArchive } from '../../../src/stores/cosmos/cosmos-archive.js';
import { provision } from '../../../src/stores/cosmos/provision.js';
import { CosmosProxy } from '../../support/cosmos-proxy.js';
import { STANDIN_KEY, startCosmosTarget } from '../../support/cosmos-target.js';
import { archiveContract } from './archive-contract.js';

archiveContract('@azure/cosmos', async () => {
  const target = await startCosmosTarget();
  const proxy = await new CosmosProxy({ target: target.url }).start();
  const settings = { endpoint: proxy.url, key: STANDIN_KEY, database: 'rtvoice', deadlineMs: 2000 };
  await provision(settings);
  const cosmos = await cosmosFrom(settings);
  const second = await cosmosFrom(settings);
  return {
    archive: new CosmosArchive(cosmos),
    other: new CosmosArchive(second),
    proxy,
    seesRetryAfter: true,
    close: async () => {
      cosmos.close();
      second.close();
      await proxy.stop();
      await target.stop();
    },
  };
});
