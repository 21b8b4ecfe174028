import type { Resource } from './journal.js';
import type { Item, Items } from './package.js';

/** A value of a partition key, as the server keys its documents with it. */
export type PartitionKey = Parameters<Items<Item, Item>['delete']>[1];

/** One change of a resource: from `before` (null: created) to `after` (null: deleted). */
export interface Change {
  before: Resource | null;
  after: Resource | null;
}

/** A list of resources of the server (databases, containers, documents) whose changes are seen. */
export class Observed<I extends Item> {
  readonly items: Items<Item, I>;
  readonly #onChange: (change: Change) => void;
  readonly #onItem: (item: I, replaced: I | undefined) => void;
  readonly #deleteItem: (id: string, partition: PartitionKey) => void;
  /** Set while a replacement deletes the old resource before it sets the new one. */
  #replacing: { item: I | undefined } | undefined;

  /**
   * @param onChange called within the write, once a resource.
   * @param onItem called with the server's object for it, and the one whose place it takes.
   */
  constructor(
    items: Items<Item, I>,
    onChange: (change: Change) => void,
    onItem: (item: I, replaced: I | undefined) => void = () => {},
  ) {
    this.items = items;
    this.#onChange = onChange;
    this.#onItem = onItem;
    this.#deleteItem = items.delete.bind(items);
    const set = items._set.bind(items);
    const replace = items.replace.bind(items);
    items._set = (data) => {
      const stored = set(data);
      const item = items._data.get(stored._rid);
      const before = this.#replacing?.item;
      if (item !== undefined) this.#onItem(item, before);
      this.#onChange({ before: before?.read() ?? null, after: stored });
      return stored;
    };
    items.delete = (id, partition) => this.delete(id, partition);
    items.replace = (data, original) => {
      this.#replacing = { item: undefined };
      try {
        return replace(data, original);
      } finally {
        this.#replacing = undefined;
      }
    };
  }

  delete(id: string, partition: PartitionKey): void {
    const item = this.items._item('/id', id, partition);
    const before = item.read() ?? null;
    this.#deleteItem(id, partition);
    if (this.#replacing) this.#replacing.item = item;
    else this.#onChange({ before, after: null });
  }

  /** Puts a resource back exactly as it was: the same etag, the same time, no checks. */
  restore(id: string, partition: PartitionKey, resource: Resource | null): void {
    const present = this.items._item('/id', id, partition).read() !== undefined;
    if (resource === null) {
      if (present) this.delete(id, partition);
      return;
    }
    this.#replacing = { item: undefined };
    try {
      if (present) this.delete(id, partition);
      this.items._set(resource as Parameters<typeof this.items._set>[0]);
    } finally {
      this.#replacing = undefined;
    }
  }
}
