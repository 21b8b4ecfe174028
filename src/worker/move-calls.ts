/**
 * A worker's calls move to others: each in a pause of its talk, a few at a time, and only while somebody has room.
 * ACS decides through the ingress who gets a call; all that is done here is to let go of it at the right moment.
 */

/** A call's audio, as it is moved. */
export interface MovableCall {
  readonly atPause: boolean;
  pauseInTalk(patienceMs: number): Promise<void>;
  handOver(): Promise<void>;
}

/** A call's transcripts, as they are moved. */
export interface MovableWords {
  handOver(patienceMs: number): Promise<void>;
}

export interface MovableMedia<C extends MovableCall> {
  calls(): Iterable<C>;
  words(): Iterable<MovableWords>;
  /** Words for it are not taken here any more. */
  remove(call: C): void;
  /** Sockets that are open: a call has moved when ACS has closed them. */
  sockets(): number;
}

export interface MoveOptions {
  /** ms until it has to be done; Infinity without an end. Asked again and again. */
  leftMs(): number;
  /** Whether another worker takes calls. */
  hasRoom(): boolean;
  moved(what: 'audio' | 'words'): void;
}

/** How long a move waits for a pause in the talk, ms. */
const PAUSE_PATIENCE_MS = 6_000;
const MOVES_AT_ONCE = 8;
const LOOK_MS = 50;

/** Settles when no socket is open, or the time is over. */
export async function moveCalls<C extends MovableCall>(
  media: MovableMedia<C>,
  options: MoveOptions,
): Promise<void> {
  const { leftMs, hasRoom, moved } = options;
  const begun = new WeakSet<object>();
  const moves = new Set<Promise<void>>();
  let places = MOVES_AT_ONCE;

  const takePlace = async (): Promise<boolean> => {
    for (;;) {
      if (places > 0 && hasRoom()) {
        places -= 1;
        return true;
      }
      if (leftMs() <= 0) return false;
      await pause(LOOK_MS);
    }
  };
  const moveCall = async (call: C): Promise<void> => {
    const impatientAt = performance.now() + PAUSE_PATIENCE_MS;
    for (;;) {
      await call.pauseInTalk(Math.max(0, Math.min(impatientAt - performance.now(), leftMs())));
      if (!(await takePlace())) return;
      try {
        // The pause may have ended while it waited for its place.
        if (!call.atPause && performance.now() < impatientAt && leftMs() > 0) continue;
        await call.handOver();
        media.remove(call);
        moved('audio');
        return;
      } finally {
        places += 1;
      }
    }
  };
  const moveWords = async (words: MovableWords): Promise<void> => {
    if (!(await takePlace())) return;
    try {
      await words.handOver(Math.min(PAUSE_PATIENCE_MS, leftMs()));
      moved('words');
    } finally {
      places += 1;
    }
  };
  const begin = <T extends object>(one: T, move: (one: T) => Promise<void>): void => {
    if (begun.has(one)) return;
    begun.add(one);
    const moving = move(one)
      .catch(() => undefined)
      .finally(() => moves.delete(moving));
    moves.add(moving);
  };

  while (leftMs() > 0) {
    // A socket may still come: the ingress had chosen this worker before it knew better.
    for (const call of media.calls()) begin(call, moveCall);
    for (const words of media.words()) begin(words, moveWords);
    if (media.sockets() === 0 && moves.size === 0) return;
    await pause(LOOK_MS);
  }
  await Promise.all(moves);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
