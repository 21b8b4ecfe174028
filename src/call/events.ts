/**
 * Facts about a call, in the reducer's own words. `src/acs` translates ACS events into them; workers and the
 * schedule add theirs. Facts come at least once, in any order (facts about ACS: nothing is promised).
 */

interface Base {
  /** Envelope id, the key of deduplication. */
  readonly id: string;
  /** When it happened by its sender's clock, Unix ms. */
  readonly atMs: number;
}

export type StreamState = 'unknown' | 'started' | 'stopped' | 'failed';

export type CallFact =
  | (Base & { readonly kind: 'connected' })
  | (Base & { readonly kind: 'disconnected'; readonly code?: number; readonly subCode?: number })
  | (Base & { readonly kind: 'failed'; readonly code?: number; readonly subCode?: number })
  | (Base & { readonly kind: 'participants'; readonly sequence: number; readonly count: number })
  | (Base & { readonly kind: 'mediaStreaming'; readonly state: StreamState; readonly subCode?: number })
  | (Base & { readonly kind: 'transcription'; readonly state: StreamState })
  | (Base & { readonly kind: 'recording'; readonly state: string })
  | (Base & {
      readonly kind: 'operation';
      readonly type: string;
      readonly operationContext?: string;
      readonly ok: boolean;
    })
  /** What GET call properties said: the answer of reconciliation. */
  | (Base & { readonly kind: 'reconciled'; readonly found: 'connecting' | 'connected' | 'disconnected' })
  | (Base & { readonly kind: 'unknown'; readonly type: string });
