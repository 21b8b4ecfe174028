/** The share of operations that failed in the last five minutes, as the specification alerts on it. Pure. */

const SLOT_MS = 10_000;
const SLOTS = 30;

interface Slot {
  /** Number of the slot in time; a slot of an earlier round is empty. */
  readonly number: number;
  all: number;
  failed: number;
}

export class FailedShare {
  readonly #slots: (Slot | undefined)[] = new Array(SLOTS);
  readonly #now: () => number;

  /** @param now monotonic, ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  record(failed: boolean): void {
    const number = Math.floor(this.#now() / SLOT_MS);
    const at = number % SLOTS;
    let slot = this.#slots[at];
    if (slot?.number !== number) {
      slot = { number, all: 0, failed: 0 };
      this.#slots[at] = slot;
    }
    slot.all += 1;
    if (failed) slot.failed += 1;
  }

  /** 0 to 1; undefined when there was none in five minutes. */
  get share(): number | undefined {
    const oldest = Math.floor(this.#now() / SLOT_MS) - SLOTS + 1;
    let [all, failed] = [0, 0];
    for (const slot of this.#slots) {
      if (!slot || slot.number < oldest) continue;
      all += slot.all;
      failed += slot.failed;
    }
    return all === 0 ? undefined : failed / all;
  }
}
