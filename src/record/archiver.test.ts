import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CreateOutcome, TranscriptArchive } from './archive-port.js';
import { Archiver } from './archiver.js';
import type { Clock } from './clock.js';
import { type ArchiveDocument, identityOf, type TurnDocument, turnDocumentId } from './documents.js';
import { MAX_DOCUMENT_BYTES } from './parts.js';

/** Time that passes only when told to. */
class TestClock implements Clock {
  #now = 0;
  #timers: { at: number; run: () => void }[] = [];
  now(): number {
    return this.#now;
  }
  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
  /** Runs timers and what hangs on them until nothing is left or `untilMs` is reached. */
  async run(untilMs = 10_000_000): Promise<void> {
    for (;;) {
      for (let i = 0; i < 20; i++) await Promise.resolve();
      this.#timers.sort((a, b) => a.at - b.at);
      const next = this.#timers[0];
      if (next === undefined || next.at > untilMs) return;
      this.#timers.shift();
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
  }
}

type Verdict = 'ok' | 'throttled' | 'away' | 'lost_reply' | 'slow';

class TestArchive implements TranscriptArchive {
  readonly stored = new Map<string, ArchiveDocument>();
  readonly order: string[] = [];
  maxInFlight = 0;
  #inFlight = 0;
  constructor(
    readonly clock: TestClock,
    readonly verdict: () => Verdict,
    readonly maxText = Number.POSITIVE_INFINITY,
  ) {}
  async create(doc: ArchiveDocument): Promise<CreateOutcome> {
    this.maxInFlight = Math.max(this.maxInFlight, ++this.#inFlight);
    const verdict = this.verdict();
    await new Promise<void>((resolve) => this.clock.after(verdict === 'slow' ? 900 : 3, resolve));
    this.#inFlight--;
    if (verdict === 'throttled') return { kind: 'throttled', retryAfterMs: 20 };
    if (verdict === 'away') return { kind: 'unknown', code: 'connection' };
    const text = 'transcript' in doc ? doc.transcript : 'text' in doc ? doc.text : '';
    if (text.length > this.maxText) return { kind: 'too_large' };
    if (text === 'poison') return { kind: 'refused', code: 'HTTP_400' };
    const there = this.stored.get(doc.id);
    if (there !== undefined) return { kind: 'exists', turnId: identityOf(there) };
    this.stored.set(doc.id, doc);
    this.order.push(doc.id);
    return verdict === 'lost_reply' ? { kind: 'unknown', code: 'timeout' } : { kind: 'created' };
  }
  async read(): Promise<never> {
    throw new Error('not used');
  }
  async tail(): Promise<never> {
    throw new Error('not used');
  }
  async range(): Promise<never> {
    throw new Error('not used');
  }
}

function turn(sessionId: string, seq: number, transcript = 'sealed'): TurnDocument {
  return {
    id: turnDocumentId(sessionId, seq),
    sessionId,
    incarnation: 'i',
    seq,
    turnId: `${sessionId}-t${seq}`,
    role: 'user',
    agent: 'a',
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: '2026-01-01T00:00:01.000Z',
    mediaEpoch: 1,
    turnNo: seq,
    interrupted: false,
    transcript,
    schema: 1,
  };
}

function rig(
  verdict: () => Verdict,
  over: { maxText?: number; maxDocuments?: number; maxBytes?: number; answer?: Promise<void> } = {},
) {
  const clock = new TestClock();
  const archive = new TestArchive(clock, verdict, over.maxText);
  const told: string[] = [];
  const conflicts: { id: string; existing: string; waiting: number }[] = [];
  const poison: string[] = [];
  const archiver = new Archiver({
    archive,
    clock,
    random: () => 0.5,
    ...(over.maxDocuments === undefined ? {} : { maxDocuments: over.maxDocuments }),
    ...(over.maxBytes === undefined ? {} : { maxBytes: over.maxBytes }),
    onArchived: (sessionId, seqs, marks) => {
      for (const seq of seqs) told.push(turnDocumentId(sessionId, seq));
      for (const mark of marks) told.push(`${sessionId}-${mark}`);
    },
    onConflict: (doc, existing, waiting) => {
      conflicts.push({ id: doc.id, existing, waiting: waiting.length });
      return over.answer;
    },
    onPoison: (doc, code) => {
      poison.push(`${doc.id} ${code}`);
    },
  });
  return { clock, archive, archiver, told, conflicts, poison };
}

describe('Archiver', () => {
  it('writes and tells each turn exactly once, in order, whatever the store does', async () => {
    const verdicts = fc.array(
      fc.constantFrom<Verdict>('ok', 'ok', 'throttled', 'away', 'lost_reply', 'slow'),
      {
        maxLength: 300,
      },
    );
    await fc.assert(
      fc.asyncProperty(verdicts, fc.integer({ min: 1, max: 12 }), async (list, calls) => {
        let n = 0;
        const { clock, archive, archiver, told } = rig(() => list[n++] ?? 'ok');
        for (let seq = 1; seq <= 7; seq++) {
          for (let call = 0; call < calls; call++) expect(archiver.offer(turn(`c${call}`, seq))).toBe(true);
        }
        await clock.run();
        expect(archiver.stats()).toMatchObject({ documents: 0, bytes: 0, calls: 0, inFlight: 0 });
        for (let call = 0; call < calls; call++) {
          const expected = Array.from({ length: 7 }, (_, i) => turnDocumentId(`c${call}`, i + 1));
          const mine = (ids: string[]): string[] => ids.filter((id) => id.startsWith(`c${call}-`));
          expect(mine(archive.order)).toEqual(expected);
          expect(mine(told)).toEqual(expected);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('puts turns that were offered out of order in order, header first and summary last', async () => {
    const { clock, archive, archiver, told } = rig(() => 'ok');
    const rest = { sessionId: 's', incarnation: 'i', schema: 1 } as const;
    archiver.offer({ ...rest, id: 's-header', kind: 'header', startedAt: '' });
    for (const seq of [3, 1, 2]) archiver.offer(turn('s', seq));
    archiver.offer({
      ...rest,
      id: 's-summary',
      kind: 'summary',
      endedAt: '',
      turns: 4,
      firstSeq: 1,
      lastSeq: 4,
      sha256: '',
    });
    archiver.offer(turn('s', 4));
    await clock.run();
    expect(archive.order).toEqual(['s-header', 's-1', 's-2', 's-3', 's-4', 's-summary']);
    expect(new Set(told)).toEqual(new Set(archive.order));
  });

  it('is told the same turn when it is offered again, and does not write it twice', async () => {
    const { clock, archive, archiver, told } = rig(() => 'ok');
    archiver.offer(turn('s', 1));
    archiver.offer(turn('s', 1));
    await clock.run();
    archiver.offer(turn('s', 1));
    await clock.run();
    expect(archive.order).toEqual(['s-1']);
    expect(told).toEqual(['s-1', 's-1']);
  });

  it('gives back what lies behind a conflict and writes none of it', async () => {
    const { clock, archive, archiver, conflicts, told } = rig(() => 'ok');
    archive.stored.set('s-2', { ...turn('s', 2), turnId: 'of-an-earlier-life' });
    for (let seq = 1; seq <= 4; seq++) archiver.offer(turn('s', seq));
    await clock.run();
    expect(conflicts).toEqual([{ id: 's-2', existing: 'of-an-earlier-life', waiting: 2 }]);
    expect(told).toEqual(['s-1']);
    expect(archive.order).toEqual(['s-1']);
    expect(archiver.stats()).toMatchObject({ documents: 0, calls: 0 });
    archiver.offer(turn('s', 5));
    await clock.run();
    expect(archive.order).toEqual(['s-1', 's-5']);
  });

  it('writes nothing of a call between a conflict and its answer, and nothing under numbers that were withdrawn', async () => {
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { clock, archive, archiver } = rig(() => 'ok', { answer: answered });
    archive.stored.set('s-1', { ...turn('s', 1), turnId: 'of-an-earlier-life' });
    archiver.offer(turn('s', 1));
    await clock.run();
    archiver.offer(turn('s', 2));
    archiver.offer(turn('other', 1));
    await clock.run();
    expect(archive.order).toEqual(['other-1']);
    archiver.withdraw('s');
    const moved = { ...turn('s', 2), turnId: 's-t1' };
    archiver.offer(moved);
    answer();
    await clock.run();
    expect(archive.order).toEqual(['other-1', 's-2']);
    expect(archive.stored.get('s-2')).toEqual(moved);
    expect(archiver.stats()).toMatchObject({ documents: 0, bytes: 0, calls: 0 });
  });

  it('withdraws what waits, but not a write in flight; another document under its id must come again', async () => {
    const { clock, archive, archiver } = rig(() => 'slow');
    archiver.offer(turn('s', 1));
    archiver.offer(turn('s', 2));
    archiver.withdraw('s');
    expect(archiver.offer({ ...turn('s', 1), turnId: 'another' })).toBe(false);
    await clock.run();
    expect(archive.order).toEqual(['s-1']);
    expect(archiver.stats()).toMatchObject({ documents: 0, bytes: 0, calls: 0 });
  });

  it('sets poison aside and goes on', async () => {
    const { clock, archive, archiver, poison } = rig(() => 'ok');
    archiver.offer(turn('s', 1, 'poison'));
    archiver.offer(turn('s', 2));
    await clock.run();
    expect(poison).toEqual(['s-1 HTTP_400']);
    expect(archive.order).toEqual(['s-2']);
  });

  it('splits a turn that is too large, smaller still when the store says so, main document last', async () => {
    const { clock, archive, archiver, told } = rig(() => 'ok', { maxText: 600_000 });
    const text = 'äé'.repeat(MAX_DOCUMENT_BYTES / 2);
    archiver.offer(turn('s', 1, text));
    archiver.offer(turn('s', 2));
    await clock.run();
    expect(archive.order.at(-2)).toBe('s-1');
    expect(archive.order.at(-1)).toBe('s-2');
    const main = archive.stored.get('s-1') as TurnDocument;
    const parts = archive.order.filter((id) => id.endsWith(`-${main.partSet}`));
    expect(parts.length).toBe(main.parts);
    expect(parts.map((id) => (archive.stored.get(id) as { text: string }).text).join('')).toBe(text);
    expect(told).toEqual(['s-1', 's-2']);
  });

  it('is bounded in documents and bytes, but never so that a single document could not pass', () => {
    const byCount = rig(() => 'away', { maxDocuments: 3 });
    expect([1, 2, 3, 4].map((seq) => byCount.archiver.offer(turn('s', seq)))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    const byBytes = rig(() => 'away', { maxBytes: 5000 });
    expect(byBytes.archiver.offer(turn('s', 1, 'x'.repeat(9000)))).toBe(true);
    expect(byBytes.archiver.offer(turn('s', 2))).toBe(false);
  });

  it('goes down to one request at a time while the store is away, and up again after', async () => {
    let away = true;
    const { clock, archive, archiver } = rig(() => (away ? 'away' : 'ok'));
    for (let call = 0; call < 100; call++) archiver.offer(turn(`c${call}`, 1));
    await clock.run(20_000);
    expect(archiver.stats()).toMatchObject({ limit: 1, documents: 100 });
    expect(archiver.stats().failures).toBeGreaterThan(10);
    away = false;
    archive.maxInFlight = 0;
    const drained = archiver.drain(10_000);
    await clock.run(clock.now() + 10_000);
    expect(await drained).toBe(true);
    expect(archive.order.length).toBe(100);
    expect(archive.maxInFlight).toBeGreaterThan(4);
  });

  it('flush does not sit out the back-off, and says no at its deadline', async () => {
    let away = true;
    const { clock, archiver, archive } = rig(() => (away ? 'away' : 'ok'));
    archiver.offer(turn('s', 1));
    await clock.run(8000);
    const refused = archiver.flush('s', 5);
    await clock.run(clock.now() + 5);
    expect(await refused).toBe(false);
    away = false;
    const at = clock.now();
    const flushed = archiver.flush('s', 5000);
    await clock.run(at + 50);
    expect(await flushed).toBe(true);
    expect(archive.order).toEqual(['s-1']);
    expect(await archiver.flush('unknown')).toBe(true);
  });

  it('gives back what is left when it is stopped, after the writes in flight', async () => {
    const { clock, archiver, archive, told } = rig(() => 'ok');
    for (let seq = 1; seq <= 3; seq++) archiver.offer(turn('s', seq));
    const stopped = archiver.stop();
    await clock.run();
    expect((await stopped).map((doc) => doc.id)).toEqual(['s-2', 's-3']);
    expect(archive.order).toEqual(['s-1']);
    expect(told).toEqual(['s-1']);
    expect(archiver.offer(turn('s', 4))).toBe(false);
  });
});
