/** Shared cache of audio by hash, e.g. Redis under `rtvoice:{env}:cache:tts:{hash}`. */
export interface SpeechStore {
  get(hash: string): Promise<Buffer | undefined>;
  set(hash: string, audio: Buffer, ttlS: number): Promise<void>;
}

/** Encryption bound to the hash, so that audio cannot be swapped. */
export interface SpeechSeal {
  seal(audio: Buffer, hash: string): Buffer | Promise<Buffer>;
  /** Throws when the value was altered or belongs to another hash. */
  open(sealed: Buffer, hash: string): Buffer | Promise<Buffer>;
}

export interface SharedSpeechStoreOptions {
  store: SpeechStore;
  seal: SpeechSeal;
  ttlS: number;
  deadlineMs: number;
}

/** First byte of a stored value, so that a change of the configured phrases cannot turn noise into speech. */
const PLAIN = 0x50;
const SEALED = 0x53;
/** Failures in a row after which the store is left alone for a while. */
const FAILURES_LIMIT = 3;
const PAUSE_MS = 5000;
/** Writes under way; more are dropped. */
const WRITES_LIMIT = 32;

/** A SpeechStore that is sealed, has a deadline, and cannot fail its user. */
export class SharedSpeechStore {
  failures = 0;
  private readonly options: SharedSpeechStoreOptions;
  private inARow = 0;
  private pausedUntil = 0;
  private writes = 0;

  constructor(options: SharedSpeechStoreOptions) {
    this.options = options;
  }

  /** Undefined when it is not there, cannot be had in time, or cannot be trusted. */
  async get(hash: string, plain: boolean): Promise<Buffer | undefined> {
    if (performance.now() < this.pausedUntil) return undefined;
    try {
      const value = await this.inTime(this.options.store.get(hash));
      this.inARow = 0;
      if (!value || value.length < 2) return undefined;
      const body = value.subarray(1);
      if (value[0] === SEALED) return await this.options.seal.open(body, hash);
      // Unsealed audio is taken for a configured phrase only: for others it proves nothing.
      return value[0] === PLAIN && plain ? body : undefined;
    } catch {
      this.failed();
      return undefined;
    }
  }

  /** Writes in the background. */
  put(hash: string, audio: Buffer, plain: boolean): void {
    if (this.writes >= WRITES_LIMIT || performance.now() < this.pausedUntil) return;
    this.writes++;
    this.write(hash, audio, plain)
      .catch(() => this.failed())
      .finally(() => {
        this.writes--;
      })
      .catch(() => {});
  }

  private async write(hash: string, audio: Buffer, plain: boolean): Promise<void> {
    const { seal, store, ttlS } = this.options;
    const body = plain ? audio : await seal.seal(audio, hash);
    await store.set(hash, Buffer.concat([Buffer.of(plain ? PLAIN : SEALED), body]), ttlS);
  }

  private failed(): void {
    this.failures++;
    if (++this.inARow < FAILURES_LIMIT) return;
    this.inARow = 0;
    this.pausedUntil = performance.now() + PAUSE_MS;
  }

  private inTime<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the store is slow')), this.options.deadlineMs);
      work.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}
