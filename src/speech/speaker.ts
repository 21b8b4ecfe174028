/** Which language and voice a call has. Pure. */
import type { ConversationContext } from '../memory/context.js';

export interface Speaker {
  /** BCP 47. */
  readonly language: string;
  readonly voice: string;
}

/** The voices there are, the usual one first. Only languages with a voice are spoken. */
export class Speakers {
  readonly usual: Speaker;
  readonly all: readonly Speaker[];

  constructor(usual: Speaker, others: readonly Speaker[] = []) {
    this.usual = usual;
    this.all = [usual, ...others];
  }

  /**
   * The agent's choice for this call (slot `language`), else the caller's language by the profile, else the usual one.
   * The slot `voice` chooses among the voices of that language.
   */
  of(context: ConversationContext): Speaker {
    const caller = context.values?.caller as { language?: unknown } | undefined;
    const speaker = this.#find(context.slots.language) ?? this.#find(caller?.language) ?? this.usual;
    const { voice } = context.slots;
    return this.all.find((one) => one.language === speaker.language && one.voice === voice) ?? speaker;
  }

  /** By the whole tag, else by its first part: a caller of de-AT is spoken to in de-DE rather than in English. */
  #find(language: unknown): Speaker | undefined {
    if (typeof language !== 'string') return undefined;
    const name = language.toLowerCase();
    const exact = this.all.find((one) => one.language.toLowerCase() === name);
    return exact ?? this.all.find((one) => primary(one.language.toLowerCase()) === primary(name));
  }
}

const primary = (language: string): string => language.split('-')[0] ?? language;
