import type { Entry, Resource } from './journal.js';
import { type Change, Observed, type PartitionKey } from './observed.js';
import { type Account, AccountClass, type Collection, type Database, type Document } from './package.js';

/** A container of documents. */
export interface Container {
  collection: Collection;
  documents: Observed<Document>;
  /** The documents of one partition key value, by _rid. */
  partitions: Map<unknown, Map<string, Resource>>;
}

/** The data of the stand-in: the server's own account, seen at each write, restorable from a journal. */
export class Store {
  readonly account: Account;
  readonly #record: (entry: Entry) => void;
  readonly #databases: Observed<Database>;
  readonly #collections = new Map<string, Observed<Collection>>();
  readonly #containers = new WeakMap<object, Container>();
  #restoring = false;
  /** Set within an atomic batch: its changes, held back until all of them succeeded. */
  #held: { change: Change; entry: Entry }[] | undefined;

  /** @param record called with the outcome of each write, within it. */
  constructor(host: string, port: number, record: (entry: Entry) => void) {
    this.#record = record;
    this.account = new AccountClass(host, port);
    const location = [{ name: 'Local', databaseAccountEndpoint: `http://${host}:${port}/` }];
    // The server names https here; a client that follows it would not come back.
    Object.assign(this.account.read(), { writableLocations: location, readableLocations: location });
    this.#databases = new Observed(
      this.account.databases,
      (change) => {
        const id = idOf(change);
        if (change.after === null) this.#collections.delete(id);
        this.#changed(change, { t: 'db', id, n: this.account.databases._ridCount, doc: change.after });
      },
      (database) => this.#watchDatabase(database),
    );
  }

  /** Puts back what a journal entry says. */
  apply(entry: Entry): void {
    this.#restoring = true;
    try {
      if (entry.t === 'db') {
        this.#databases.restore(entry.id, entry.id, entry.doc);
        raise(this.account.databases, entry.n);
        return;
      }
      const database = this.account.database(entry.db);
      if (entry.t === 'coll') {
        this.#collections.get(entry.db)?.restore(entry.id, entry.id, entry.doc);
        if (database.read()) raise(database.collections, entry.n);
        return;
      }
      const container = this.container(entry.db, entry.coll);
      container?.documents.restore(entry.id, entry.pk as PartitionKey, entry.doc);
      if (container !== undefined) raise(container.collection.documents, entry.n);
    } finally {
      this.#restoring = false;
    }
  }

  /** Everything there is, as the fewest entries that bring it back. */
  *snapshot(): Generator<Entry> {
    const { databases } = this.account;
    for (const database of databases._data.values()) {
      const db = database.read();
      yield { t: 'db', id: db.id, n: databases._ridCount, doc: db };
      for (const collection of database.collections._data.values()) {
        const coll = collection.read();
        yield { t: 'coll', db: db.id, id: coll.id, n: database.collections._ridCount, doc: coll };
        const { documents } = collection;
        for (const document of documents._data.values()) {
          const doc = document.read();
          const pk = documents._getPartition(doc);
          yield { t: 'doc', db: db.id, coll: coll.id, pk, id: doc.id, n: documents._ridCount, doc };
        }
      }
    }
  }

  /** A container by its name (or _rid); undefined when it does not exist. */
  container(db: string, coll: string): Container | undefined {
    const database = this.account.database(db);
    if (!database.read()) return undefined;
    const collection = database.collection(coll);
    return collection.read() ? this.#containers.get(collection.documents) : undefined;
  }

  /** Runs writes that succeed together: when `work` answers false, what it did is taken back. */
  atomically<T extends { ok: boolean }>(container: Container, work: () => T): T {
    const held: { change: Change; entry: Entry }[] = [];
    this.#held = held;
    let result: T | undefined;
    try {
      result = work();
      return result;
    } finally {
      this.#held = undefined;
      if (result?.ok) for (const { entry } of held) this.#record(entry);
      else this.#undo(container, held);
    }
  }

  #undo(container: Container, held: { change: Change; entry: Entry }[]): void {
    this.#restoring = true;
    try {
      for (const { change } of held.reverse()) {
        const partition = container.documents.items._getPartition(change.after ?? change.before ?? {});
        container.documents.restore(idOf(change), partition, change.before);
      }
    } finally {
      this.#restoring = false;
    }
  }

  #changed(change: Change, entry: Entry): void {
    if (this.#restoring) return;
    if (this.#held) this.#held.push({ change, entry });
    else this.#record(entry);
  }

  #watchDatabase(database: Database): void {
    const db = database.read().id;
    const observed = new Observed<Collection>(
      database.collections,
      (change) => {
        const id = idOf(change);
        this.#changed(change, { t: 'coll', db, id, n: database.collections._ridCount, doc: change.after });
      },
      (collection, replaced) => {
        if (replaced === undefined) this.#watchContainer(db, collection);
        else keepContents(collection, replaced);
      },
    );
    this.#collections.set(db, observed);
  }

  #watchContainer(db: string, collection: Collection): void {
    const coll = collection.read().id;
    const { documents } = collection;
    const partitions: Container['partitions'] = new Map();
    const observed = new Observed<Document>(documents, (change) => {
      const resource = change.after ?? change.before;
      if (resource === null) return;
      const pk = documents._getPartition(resource);
      index(partitions, pk, resource._rid, change.after);
      this.#changed(change, {
        ...{ t: 'doc', db, coll, pk, id: resource.id },
        ...{ n: documents._ridCount, doc: change.after },
      });
    });
    this.#containers.set(documents, { collection, documents: observed, partitions });
  }
}

function idOf(change: Change): string {
  return (change.after ?? change.before)?.id ?? '';
}

/** Lifts the count from which new _rids are made, so that none is given twice. */
function raise(items: { _ridCount: number }, count: number): void {
  items._ridCount = Math.max(items._ridCount, count);
}

/** The server makes a new, empty container when its settings are replaced: give it the old one's contents. */
function keepContents(collection: Collection, replaced: Collection): void {
  collection.documents = replaced.documents;
  collection.documents._parent = collection;
  collection.partitionKeyRanges = replaced.partitionKeyRanges;
  collection.partitionKeyRanges._parent = collection;
  collection.userDefinedFunctions = replaced.userDefinedFunctions;
  collection.userDefinedFunctions._parent = collection;
}

function index(
  partitions: Container['partitions'],
  pk: unknown,
  rid: string,
  resource: Resource | null,
): void {
  const partition = partitions.get(pk);
  if (resource !== null) {
    if (partition === undefined) partitions.set(pk, new Map([[rid, resource]]));
    else partition.set(rid, resource);
    return;
  }
  partition?.delete(rid);
  if (partition?.size === 0) partitions.delete(pk);
}
