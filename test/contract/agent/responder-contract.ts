/** What every responder keeps to, whoever answers behind it. */
import { expect, it } from 'vitest';
import type { ReplyPart, ReplyRequest, Responder } from '../../../src/agent/responder.js';
import { applyTurn, emptyContext } from '../../../src/memory/context.js';

export const textOf = (parts: readonly ReplyPart[]): string =>
  parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');

/** A request as the media session makes it: the caller's words are the last turn of the window. */
export function asked(heard: string | undefined, more: Partial<ReplyRequest> = {}): ReplyRequest {
  const turn = {
    ...{ turnId: 't1', role: 'user' as const, agent: 'main', seq: 1, mediaEpoch: 1, turnNo: 1 },
    ...{ startedAtMs: 0, endedAtMs: 0 },
  };
  const context = heard === undefined ? emptyContext() : applyTurn(emptyContext(), { ...turn, text: heard });
  return { context, heard, locale: 'en-US', ...more };
}

export async function collect(
  responder: Responder,
  request: ReplyRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<ReplyPart[]> {
  const parts: ReplyPart[] = [];
  for await (const part of responder.reply(request, signal)) parts.push(part);
  return parts;
}

/** @param get a responder that answers everything it is asked, in at least one piece of text */
export function responderContract(get: () => Responder): void {
  it('greets, and answers what it heard, in words', async () => {
    expect(textOf(await collect(get(), asked(undefined))).trim()).not.toBe('');
    expect(textOf(await collect(get(), asked('I want to report a claim.'))).trim()).not.toBe('');
  });

  it('leaves the context that it is given alone', async () => {
    const request = asked('My name is Alice.');
    const before = structuredClone(request.context);
    await collect(get(), request);
    expect(request.context).toEqual(before);
  });

  it('says nothing, and fails not, once it is aborted', async () => {
    expect(await collect(get(), asked('Hello.'), AbortSignal.abort())).toEqual([]);
  });

  it('ends without an error when it is aborted in the midst, and answers the next one', async () => {
    const controller = new AbortController();
    let parts = 0;
    for await (const part of get().reply(asked('I want to report a claim.'), controller.signal)) {
      expect(part.kind).toMatch(/text|patch|hangUp/);
      parts += 1;
      controller.abort();
    }
    expect(parts).toBe(1);
    expect(textOf(await collect(get(), asked('Hello.'))).trim()).not.toBe('');
  });

  it('may be left by its reader, and answers the next one', async () => {
    for await (const _ of get().reply(asked('Hello.'), new AbortController().signal)) break;
    expect(textOf(await collect(get(), asked('Hello.'))).trim()).not.toBe('');
  });

  it('answers many calls at once, each for itself', async () => {
    const lines = Array.from({ length: 20 }, (_, call) => `My reference is number ${call}.`);
    const alone: string[] = [];
    for (const line of lines) alone.push(textOf(await collect(get(), asked(line))));
    const together = await Promise.all(lines.map(async (line) => textOf(await collect(get(), asked(line)))));
    expect(together).toEqual(alone);
  });

  it('has a name, and phrases that are texts', () => {
    expect(get().agent).not.toBe('');
    for (const phrase of get().phrases()) expect(phrase.trim()).not.toBe('');
  });
}
