import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AgentErrorCode } from '../../../src/agent/errors.js';
import { OpenAiResponder, type OpenAiResponderOptions } from '../../../src/agent/openai/openai-responder.js';
import type { ChatFacts } from '../../../src/agent/reply-account.js';
import type { ReplyPart } from '../../../src/agent/responder.js';
import type { Usage } from '../../../src/call/measures.js';
import { applyTurn } from '../../../src/memory/context.js';
import { type ChatBehaviour, type ChatServer, startChatServer } from '../../support/chat-server.js';
import { eventually } from '../../support/stack.js';
import { asked, collect, responderContract, textOf } from './responder-contract.js';

const FIRST_TOKEN_MS = 800;
const GAP_MS = 400;

describe('OpenAI-compatible responder', () => {
  let server: ChatServer;
  let responder: OpenAiResponder;
  const facts: ChatFacts[] = [];
  const made: OpenAiResponder[] = [];

  const create = (more: Partial<OpenAiResponderOptions> = {}): OpenAiResponder => {
    const one = new OpenAiResponder({
      agent: 'claims',
      service: { baseUrl: server.baseUrl, apiKey: 'secret', model: 'talk', maxTokens: 200 },
      times: { firstTokenMs: FIRST_TOKEN_MS, gapMs: GAP_MS },
      prompt: async (agent) => `You are ${agent}.`,
      observe: (fact) => facts.push(fact),
      ...more,
    });
    made.push(one);
    return one;
  };

  beforeAll(async () => {
    server = await startChatServer();
  });
  beforeEach(() => {
    facts.length = 0;
    server.behave((call) => ({ kind: 'answer', text: `You said: ${call.heard} Is that right?` }));
    responder = create();
  });
  afterEach(async () => {
    await Promise.all(made.splice(0).map((one) => one.close()));
  });
  afterAll(() => server.close());

  /** The parts that came before the failure, and its code. */
  const failing = async (
    behaviour: ChatBehaviour,
    one = responder,
  ): Promise<{ parts: ReplyPart[]; code: AgentErrorCode; calls: number }> => {
    server.behave(behaviour);
    const before = server.calls.length;
    const parts: ReplyPart[] = [];
    try {
      for await (const part of one.reply(asked('Hello.'), new AbortController().signal)) parts.push(part);
    } catch (thrown) {
      return {
        parts,
        code: (thrown as { code: AgentErrorCode }).code,
        calls: server.calls.length - before,
      };
    }
    throw new Error('it answered');
  };

  responderContract(() => responder);

  it('streams: the first words are there while the model still writes', async () => {
    server.behave({ kind: 'answer', text: 'One two three four.', eachMs: 50 });
    const parts: string[] = [];
    for await (const part of responder.reply(asked('Count.'), new AbortController().signal)) {
      if (part.kind === 'text') parts.push(part.text);
      if (parts.length === 1) expect(server.calls.at(-1)?.sent).toBeLessThan(4);
    }
    expect(parts).toEqual(['One', ' two', ' three', ' four.']);
  });

  it('reads events however their bytes are cut', async () => {
    server.behave({ kind: 'answer', text: 'Größe für 你好 — “ok”.', bytes: 3 });
    expect(textOf(await collect(responder, asked('Hello.')))).toBe('Größe für 你好 — “ok”.');
  });

  it('sends prompt, language, what is known and the turns, and asks for the bill', async () => {
    let { context } = asked('My name is Alice.');
    context = { ...context, slots: { topic: 'claim' }, values: { caller: { callCount: 3 } } };
    context = applyTurn(context, {
      ...{ turnId: 't2', role: 'agent', agent: 'claims', text: 'Hello Alice.', seq: 2, mediaEpoch: 1 },
      ...{ turnNo: 2, startedAtMs: 0, endedAtMs: 0 },
    });
    await collect(responder, { context, heard: 'It was yesterday.', locale: 'de-DE' });
    const { body, headers, url } = server.calls.at(-1) ?? expect.fail('nothing was asked');
    expect(url).toBe('/v1/chat/completions');
    expect(headers).toMatchObject({ authorization: 'Bearer secret', accept: 'text/event-stream' });
    expect(body).toMatchObject({
      ...{ model: 'talk', stream: true, stream_options: { include_usage: true }, max_tokens: 200 },
    });
    const [system, ...turns] = body.messages;
    expect(system?.content).toMatch(/^You are main\./);
    for (const known of ['de-DE', '"topic":"claim"', '"callCount":3'])
      expect(system?.content).toContain(known);
    expect(turns).toEqual([
      { role: 'user', content: 'My name is Alice.' },
      { role: 'assistant', content: 'Hello Alice.' },
      { role: 'user', content: 'It was yesterday.' },
    ]);
  });

  it('speaks the form of Azure OpenAI, and takes fields away that a service does not know', async () => {
    const azure = create({
      service: {
        ...{ baseUrl: `${server.baseUrl}/`, apiKey: 'secret', apiVersion: '2024-10-21', model: 'talk' },
        ...{ maxTokens: 200, body: { max_tokens: null, temperature: 0.2 } },
      },
    });
    await collect(azure, asked('Hello.'));
    const { body, headers, url } = server.calls.at(-1) ?? expect.fail('nothing was asked');
    expect(url).toBe('/v1/chat/completions?api-version=2024-10-21');
    expect(headers['api-key']).toBe('secret');
    expect(headers.authorization).toBeUndefined();
    expect(body).not.toHaveProperty('max_tokens');
    expect(body.temperature).toBe(0.2);
  });

  it('greets with the fixed phrase, without asking anybody', async () => {
    const before = server.calls.length;
    const fixed = create({ greeting: () => 'Good day.' });
    expect(textOf(await collect(fixed, asked(undefined)))).toBe('Good day.');
    expect(server.calls.length).toBe(before);
  });

  it('tells what a reply took: by the bill, or estimated where it was cut before', async () => {
    const used: Usage[] = [];
    const request = asked('Hello.', { used: (usage) => used.push(usage) });
    server.behave({ kind: 'answer', text: 'One two three.' });
    await collect(responder, request);
    expect(used).toEqual([{ tokensIn: 100, tokensOut: 3 }]);
    server.behave({ kind: 'answer', text: 'One two three four five.', hangAfter: 2 });
    const controller = new AbortController();
    for await (const part of responder.reply(request, controller.signal))
      if (part.kind === 'text' && part.text === ' two') controller.abort();
    expect(used[1]?.tokensOut).toBe(2);
    expect(facts.map(({ estimated }) => estimated)).toEqual([false, true]);
    expect(facts.map(({ error }) => error)).toEqual([undefined, 'RTV_AGENT_ABORTED']);
    expect(facts[0]).toMatchObject({ model: 'talk', responseModel: 'talk-0001', finish: 'stop' });
  });

  it('closes the connection when the caller cuts in: before the first word and in the midst', async () => {
    for (const behaviour of [{ kind: 'hang' }, { kind: 'answer', text: 'One two.', hangAfter: 1 }] as const) {
      server.behave(behaviour);
      const before = server.calls.length;
      const controller = new AbortController();
      const reading = collect(responder, asked('Hello.'), controller.signal);
      const call = await eventually('the request', () => server.calls[before]);
      if (behaviour.kind === 'answer') await eventually('a word', () => call.sent === 1);
      controller.abort();
      await reading;
      await eventually('the connection to be closed', () => call.cutByClient);
    }
  });

  it('closes the connection when its reader leaves', async () => {
    server.behave({ kind: 'answer', text: 'One two.', hangAfter: 1 });
    for await (const _ of responder.reply(asked('Hello.'), new AbortController().signal)) break;
    await eventually('the connection to be closed', () => server.calls.at(-1)?.cutByClient);
  });

  it.each<[string, ChatBehaviour, AgentErrorCode, number]>([
    ['hangs', { kind: 'hang' }, 'RTV_AGENT_STALLED', 1],
    ['names a role and hangs', { kind: 'answer', text: 'One.', hangAfter: 0 }, 'RTV_AGENT_STALLED', 1],
    ['refuses the key', { kind: 'status', status: 401 }, 'RTV_AGENT_AUTH', 1],
    ['knows no such model', { kind: 'status', status: 404 }, 'RTV_AGENT_REJECTED', 1],
    ['is down', { kind: 'status', status: 503 }, 'RTV_AGENT_UNAVAILABLE', 2],
    ['cuts before the first word', { kind: 'answer', text: 'One.', cutAfter: 0 }, 'RTV_AGENT_CUT', 2],
    ['sends a page', { kind: 'raw', text: '<html>', type: 'text/html' }, 'RTV_AGENT_MALFORMED', 2],
    ['sends no JSON', { kind: 'raw', text: 'data: {"choices"\n\n' }, 'RTV_AGENT_MALFORMED', 2],
    ['sends other JSON', { kind: 'raw', text: 'data: {"choices":7}\n\n' }, 'RTV_AGENT_MALFORMED', 2],
    ['reports an error', { kind: 'raw', text: 'data: {"error":{}}\n\n' }, 'RTV_AGENT_UNAVAILABLE', 2],
    ['says nothing', { kind: 'answer', text: '' }, 'RTV_AGENT_MALFORMED', 1],
    ['filters', { kind: 'answer', text: '', finish: 'content_filter' }, 'RTV_AGENT_FILTERED', 1],
  ])('a service that %s fails with a code, within the deadline', async (_what, behaviour, code, calls) => {
    const failed = await failing(behaviour);
    expect(failed).toEqual({ parts: [], code, calls });
    expect(facts.at(-1)?.error).toBe(code);
  });

  it('gives what came before a cut or a stall in mid-sentence', async () => {
    const cut = await failing({ kind: 'answer', text: 'Your number is five.', cutAfter: 3 });
    expect([textOf(cut.parts), cut.code, cut.calls]).toEqual(['Your number is', 'RTV_AGENT_CUT', 1]);
    const stalled = await failing({ kind: 'answer', text: 'Your number is five.', hangAfter: 3 });
    expect([textOf(stalled.parts), stalled.code]).toEqual(['Your number is', 'RTV_AGENT_STALLED']);
  });

  it('a stream that ends after its reason is whole, with or without the bill', async () => {
    const whole = { choices: [{ delta: { content: 'Yes.' }, finish_reason: 'stop' }] };
    server.behave({ kind: 'raw', text: `data: ${JSON.stringify(whole)}\n\n` });
    expect(textOf(await collect(responder, asked('Hello.')))).toBe('Yes.');
    server.behave({ kind: 'answer', text: 'Yes, again.', bill: false });
    expect(textOf(await collect(responder, asked('Hello.')))).toBe('Yes, again.');
  });

  it('tries once more after a 429 whose retry-after fits, else leaves the service alone', async () => {
    let first = true;
    server.behave(() => {
      const throttled = first;
      first = false;
      return throttled
        ? { kind: 'status', status: 429, headers: { 'retry-after': '0' } }
        : { kind: 'answer', text: 'Here I am.' };
    });
    const before = server.calls.length;
    expect(textOf(await collect(responder, asked('Hello.')))).toBe('Here I am.');
    expect(server.calls.length - before).toBe(2);

    const throttled = await failing({ kind: 'status', status: 429, headers: { 'retry-after': '30' } });
    expect([throttled.code, throttled.calls]).toEqual(['RTV_AGENT_THROTTLED', 1]);
    const quiet = await failing({ kind: 'answer', text: 'Not asked.' });
    expect([quiet.code, quiet.calls]).toEqual(['RTV_AGENT_THROTTLED', 0]);
  });

  it('opens a breaker after failures in a row, and closes it when a try succeeds', async () => {
    const one = create({ breaker: { failures: 3, openMs: 200 } });
    const changes: boolean[] = [];
    one.breaker.onChange((open) => changes.push(open));
    for (let failure = 0; failure < 3; failure += 1)
      expect((await failing({ kind: 'status', status: 500 }, one)).code).toBe('RTV_AGENT_UNAVAILABLE');
    expect(await failing({ kind: 'answer', text: 'Not asked.' }, one)).toMatchObject({
      code: 'RTV_AGENT_BREAKER_OPEN',
      calls: 0,
    });
    // Half open: one request tries, the others do not wait for it.
    const trying = await eventually('a try', async () => {
      server.behave({ kind: 'answer', text: 'Back again.', firstMs: 100 });
      const before = server.calls.length;
      const reading = collect(one, asked('Hello.')).catch(() => undefined);
      const sent = await Promise.race([
        eventually('the request', () => server.calls.length > before),
        reading,
      ]);
      return sent === true ? { reading } : undefined;
    });
    expect((await failing({ kind: 'answer', text: 'Not asked.' }, one)).code).toBe('RTV_AGENT_BREAKER_OPEN');
    expect(textOf((await trying.reading) ?? [])).toBe('Back again.');
    expect(changes).toEqual([true, false]);
    expect(textOf(await collect(one, asked('Hello.')))).toBe('Not asked.');
  });

  it('a caller who cuts in says nothing against the service', async () => {
    const one = create({ breaker: { failures: 1, openMs: 60_000 } });
    server.behave({ kind: 'hang' });
    const controller = new AbortController();
    const before = server.calls.length;
    const reading = collect(one, asked('Hello.'), controller.signal);
    await eventually('the request', () => server.calls.length > before);
    controller.abort();
    await reading;
    expect(one.breaker.open).toBe(false);
  });
});
