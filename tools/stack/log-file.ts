import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { dirname } from 'node:path';

const MAX_BYTES = 16 * 1024 * 1024;

/**
 * A child's log. The child writes into the file itself (nothing passes through the runner); it is cut to its
 * predecessor `.1` when it has grown too long, so that two files of 16 MiB are the most there ever is.
 */
export class LogFile {
  constructor(
    readonly path: string,
    private readonly maxBytes = MAX_BYTES,
  ) {
    mkdirSync(dirname(path), { recursive: true });
    try {
      renameSync(path, `${path}.1`);
    } catch {
      // The first start has no predecessor.
    }
    closeSync(openSync(path, 'a', 0o600));
  }

  /** A descriptor for a child's output; whoever opened it closes it. Appending makes truncation safe. */
  open(): number {
    return openSync(this.path, 'a', 0o600);
  }

  /** To be called now and then. */
  rotate(): void {
    try {
      if (statSync(this.path).size < this.maxBytes) return;
      copyFileSync(this.path, `${this.path}.1`);
      truncateSync(this.path);
    } catch {
      // Somebody removed it; the child writes on into the void, the next one makes it anew.
    }
  }

  /** The last lines, for an error message. */
  tail(lines = 12): string {
    try {
      const { size } = statSync(this.path);
      const length = Math.min(size, 8192);
      const buffer = Buffer.alloc(length);
      const fd = openSync(this.path, 'r');
      try {
        readSync(fd, buffer, 0, length, size - length);
      } finally {
        closeSync(fd);
      }
      return buffer.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
    } catch {
      return '';
    }
  }
}
