/**
 * The clock of the callers: 50 frames a second each, due times counted from the start and never from the last
 * wake-up. Callers are spread over phases of 2 ms, as independent calls are.
 */
import { FRAME_MS } from './messages.js';

const PHASE_MS = 2;
const PHASES = FRAME_MS / PHASE_MS;

export interface Paced {
  /** @param number of the frame, from 0; it is due now, and its sound ended at `dueMs` (monotonic) */
  frame(number: number, dueMs: number): void;
}

interface Member {
  readonly paced: Paced;
  readonly startMs: number;
  sent: number;
}

export class Pacer {
  readonly #phases: Set<Member>[] = Array.from({ length: PHASES }, () => new Set());
  readonly #originMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #step = 0;

  /** @returns when frame 0 begins (monotonic ms), and how to stop */
  add(paced: Paced): { startMs: number; stop: () => void } {
    const smallest = this.#phases.reduce((a, b) => (b.size < a.size ? b : a));
    const phase = this.#phases.indexOf(smallest);
    const now = performance.now() - this.#originMs;
    const at = Math.ceil(now / FRAME_MS) * FRAME_MS + phase * PHASE_MS;
    const member: Member = { paced, startMs: this.#originMs + at, sent: 0 };
    smallest.add(member);
    this.#timer ??= this.#arm();
    return {
      startMs: member.startMs,
      stop: () => {
        smallest.delete(member);
        if (this.#phases.some(({ size }) => size > 0)) return;
        clearTimeout(this.#timer);
        this.#timer = undefined;
      },
    };
  }

  #arm(): NodeJS.Timeout {
    this.#step = Math.floor((performance.now() - this.#originMs) / PHASE_MS);
    return setTimeout(() => this.#wake(), PHASE_MS);
  }

  #wake(): void {
    const due = Math.floor((performance.now() - this.#originMs) / PHASE_MS);
    for (; this.#step <= due; this.#step += 1) {
      for (const member of this.#phases[this.#step % PHASES] ?? []) this.#advance(member);
    }
    const next = this.#originMs + this.#step * PHASE_MS - performance.now();
    this.#timer = setTimeout(() => this.#wake(), Math.max(0, next));
  }

  #advance(member: Member): void {
    const now = performance.now();
    for (;;) {
      const dueMs = member.startMs + (member.sent + 1) * FRAME_MS;
      if (dueMs > now) return;
      member.paced.frame(member.sent, dueMs);
      member.sent += 1;
    }
  }
}
