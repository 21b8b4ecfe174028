import { createHash } from 'node:crypto';

/**
 * The hash over a transcript: each link is SHA-256 over the link before, the turn id and the sealed text, so that
 * it can be carried on turn by turn and kept as one string. Lengths are hashed too: no two lists look alike.
 */
export const CHAIN_START = '';

export interface ChainTurn {
  readonly turnId: string;
  readonly transcript: string;
}

/** The next link, 64 hex digits. */
export function chainNext(previous: string, turn: ChainTurn): string {
  return createHash('sha256')
    .update(`${previous}\n${Buffer.byteLength(turn.turnId)}\n${turn.turnId}\n`)
    .update(`${Buffer.byteLength(turn.transcript)}\n`)
    .update(turn.transcript)
    .digest('hex');
}

/** The last link over turns in order of their sequence number. */
export function chainOf(turns: Iterable<ChainTurn>): string {
  let link = CHAIN_START;
  for (const turn of turns) link = chainNext(link, turn);
  return link;
}
