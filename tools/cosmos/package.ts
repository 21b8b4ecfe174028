import { createRequire } from 'node:module';
import type collectionModule from '@vercel/cosmosdb-server/lib/account/collection.js';
import type databaseModule from '@vercel/cosmosdb-server/lib/account/database.js';
import type documentModule from '@vercel/cosmosdb-server/lib/account/document.js';
import type accountModule from '@vercel/cosmosdb-server/lib/account/index.js';
import type itemModule from '@vercel/cosmosdb-server/lib/account/item.js';
import type itemsModule from '@vercel/cosmosdb-server/lib/account/items.js';
import type operationsModule from '@vercel/cosmosdb-server/lib/handler/_document-operations.js';
import type patchesModule from '@vercel/cosmosdb-server/lib/handler/_patch-operations.js';
import type routesModule from '@vercel/cosmosdb-server/lib/routes.js';

/** The package's classes, by the names it gives them. */
export type Account = accountModule.default;
export type Database = databaseModule.default;
export type Collection = collectionModule.default;
export type Document = documentModule.default;
export type Item = itemModule.default;
export type Items<P extends Item, I extends Item> = itemsModule.default<P, I>;

// require, because loaders differ in what the default import of such a CommonJS module is.
const load = createRequire(import.meta.url);
const root = '@vercel/cosmosdb-server/lib';

/** The account class: `new AccountClass(host, port)` is an empty one. */
export const AccountClass = (load(`${root}/account/index.js`) as typeof accountModule).default;
/** Creating, replacing and the like of one document, as the service answers them. */
export const operations = load(`${root}/handler/_document-operations.js`) as typeof operationsModule;
/** Patching of one document. */
export const patches = load(`${root}/handler/_patch-operations.js`) as typeof patchesModule;
/** Finds the package's handler of a request: [parameters, handler], undefined where there is none. */
export const findRoute = (load(`${root}/routes.js`) as typeof routesModule).default;
