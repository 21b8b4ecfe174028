/** Who answers, put together from the settings: the rules of a script, or a model; and what is said by language. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ZodError, z } from 'zod';
import { OpenAiResponder } from '../agent/openai/openai-responder.js';
import type { Responder } from '../agent/responder.js';
import { DEFAULT_SCRIPT, ScriptedResponder, scriptSchema } from '../agent/scripted.js';
import type { Config } from '../config.js';
import { RtvoiceError } from '../errors.js';
import { PromptCache } from '../memory/prompt-cache.js';
import type { GenAi } from '../ops/gen-ai.js';
import type { Logger } from '../ops/log.js';
import { parseTexts, TextsByLanguage } from '../speech/spoken-texts.js';

const DEFAULT_PROMPT = `You answer the phone for a company. Find out what the caller needs, one question at a time, and
help as far as you can. Be friendly and brief: one to three short sentences a turn. Never invent facts.`;
/** The main prompt; agents without a file of their own have it too. */
const MAIN = 'main';
const AGENT = /^[A-Za-z0-9_-]{1,64}$/;
/** A prompt comes from a file: longer than this and the caller would hear it, ms. */
const PROMPT_DEADLINE_MS = 500;

/** @throws RtvoiceError RTV_CONFIG_INVALID for a file that is missing or no such file */
export async function readTexts(config: Config): Promise<TextsByLanguage> {
  const { SPOKEN_TEXTS: path, SPEECH_LOCALE: locale } = config;
  return new TextsByLanguage(locale, path ? await fromFile('SPOKEN_TEXTS', path, parseTexts) : {});
}

/** @throws RtvoiceError RTV_CONFIG_INVALID for a file that is missing or no such file */
export async function createAgent(
  config: Config,
  texts: TextsByLanguage,
  telemetry: GenAi,
  log: Logger,
): Promise<Responder> {
  if (config.AGENT_KIND === 'scripted') {
    const path = config.AGENT_SCRIPT;
    const parse = (value: unknown) => scriptSchema.parse(value);
    return new ScriptedResponder(path ? await fromFile('AGENT_SCRIPT', path, parse) : DEFAULT_SCRIPT);
  }
  const prompts = await createPrompts(config.AGENT_PROMPTS);
  const azure = config.AGENT_API_VERSION !== undefined;
  const responder = new OpenAiResponder({
    agent: config.AGENT_NAME,
    service: {
      baseUrl: config.AGENT_BASE_URL ?? '',
      apiKey: config.AGENT_API_KEY,
      apiVersion: config.AGENT_API_VERSION,
      ...(azure && !config.AGENT_API_KEY ? { token: await identityToken() } : {}),
      model: config.AGENT_MODEL ?? '',
      maxTokens: config.AGENT_MAX_TOKENS,
      body: config.AGENT_BODY,
    },
    times: { firstTokenMs: config.AGENT_FIRST_TOKEN_MS, gapMs: config.AGENT_TOKEN_GAP_MS },
    prompt: (agent) => prompts(agent),
    greeting: (locale) => texts.of(locale).greeting || undefined,
    observe: (facts) => telemetry.chat(azure ? 'azure.ai.openai' : 'openai', facts),
  });
  responder.breaker.onChange((open) =>
    log.warn(
      { code: 'RTV_AGENT_BREAKER_OPEN', open },
      open ? 'model service left alone' : 'model service back',
    ),
  );
  return responder;
}

/** System prompts by agent, read once. @throws RtvoiceError when there is no main.md */
async function createPrompts(folder: string | undefined): Promise<(agent: string) => Promise<string>> {
  if (!folder) return async () => DEFAULT_PROMPT;
  const main = await readFile(join(folder, `${MAIN}.md`), 'utf8').catch((cause: unknown) => {
    throw new RtvoiceError('RTV_CONFIG_INVALID', 'AGENT_PROMPTS: main.md cannot be read', { cause });
  });
  const cache = new PromptCache({
    deadlineMs: PROMPT_DEADLINE_MS,
    load: async (agent, signal) => {
      if (agent === MAIN || !AGENT.test(agent)) return main;
      try {
        return await readFile(join(folder, `${agent}.md`), { encoding: 'utf8', signal });
      } catch (error) {
        if ((error as { code?: unknown }).code === 'ENOENT') return main;
        throw error;
      }
    },
  });
  return (agent) => cache.get(agent);
}

const AZURE_SCOPE = 'https://cognitiveservices.azure.com/.default';

/** Tokens of the worker's identity for Azure's AI services; the library keeps them until they run out. */
export async function identityToken(): Promise<(signal: AbortSignal) => Promise<string>> {
  const { DefaultAzureCredential } = await import('@azure/identity');
  const credential = new DefaultAzureCredential();
  return async (abortSignal) => (await credential.getToken(AZURE_SCOPE, { abortSignal })).token;
}

async function fromFile<T>(setting: string, path: string, parse: (value: unknown) => T): Promise<T> {
  try {
    return parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    const why = cause instanceof ZodError ? z.prettifyError(cause) : 'cannot be read as JSON';
    throw new RtvoiceError('RTV_CONFIG_INVALID', `\n${setting}: ${why}`, { cause });
  }
}
