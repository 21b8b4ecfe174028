/**
 * Everything that is spoken to a caller without an agent having made it, by language, in one place. A file named by
 * SPOKEN_TEXTS changes them or adds languages.
 */
import { z } from 'zod';

export interface SpokenTexts {
  /** Said first, where the agent has no greeting of its own; '' leaves it to the model. */
  readonly greeting: string;
  /** Said while the agent thinks longer than a caller waits in silence; '' for none. */
  readonly filler: string;
  /** Said when agent or speech fails. */
  readonly fallback: string;
  /** Said when they fail again. */
  readonly trouble: string;
  /** Said after a gap that the caller heard. */
  readonly bridge: string;
  /** Said to a caller who says nothing. */
  readonly reprompt: string;
  /** Said before hanging up on one who still says nothing. */
  readonly goodbye: string;
}

const ENGLISH: SpokenTexts = {
  greeting: 'Hello. How can I help you?',
  filler: 'One moment, please.',
  fallback: 'I am sorry, I did not get that. Could you say it again?',
  trouble:
    'I am sorry, something does not work here at the moment. Please stay on the line, or call again later.',
  bridge: 'I am back. Sorry for the pause.',
  reprompt: 'Are you still there?',
  goodbye: 'I cannot hear you. Please call again. Goodbye.',
};

const BUILT_IN: Readonly<Record<string, SpokenTexts>> = {
  en: ENGLISH,
  de: {
    greeting: 'Guten Tag. Wie kann ich Ihnen helfen?',
    filler: 'Einen Moment bitte.',
    fallback: 'Entschuldigung, das habe ich nicht verstanden. Können Sie das bitte wiederholen?',
    trouble:
      'Entschuldigung, hier klemmt gerade etwas. Bleiben Sie bitte dran, oder rufen Sie später noch einmal an.',
    bridge: 'Da bin ich wieder. Entschuldigen Sie die Pause.',
    reprompt: 'Sind Sie noch da?',
    goodbye: 'Ich kann Sie nicht hören. Bitte rufen Sie noch einmal an. Auf Wiederhören.',
  },
  fr: {
    greeting: 'Bonjour. Comment puis-je vous aider ?',
    filler: 'Un instant, je vous prie.',
    fallback: "Je suis désolé, je n'ai pas compris. Pouvez-vous répéter ?",
    trouble:
      'Je suis désolé, nous avons un problème technique. Restez en ligne, ou rappelez plus tard, je vous prie.',
    bridge: "Me revoilà. Veuillez excuser l'interruption.",
    reprompt: 'Êtes-vous toujours là ?',
    goodbye: 'Je ne vous entends pas. Veuillez rappeler. Au revoir.',
  },
  es: {
    greeting: 'Buenos días. ¿En qué puedo ayudarle?',
    filler: 'Un momento, por favor.',
    fallback: 'Lo siento, no le he entendido. ¿Puede repetirlo?',
    trouble: 'Lo siento, ahora mismo tenemos un problema. Siga en línea, por favor, o llame más tarde.',
    bridge: 'Ya estoy aquí. Disculpe la pausa.',
    reprompt: '¿Sigue ahí?',
    goodbye: 'No le oigo. Por favor, llame de nuevo. Adiós.',
  },
};

const said = z.string().trim().min(1).max(500);
const saidOrNothing = z.string().trim().max(500);
const textsSchema = z
  .strictObject({
    greeting: saidOrNothing,
    filler: saidOrNothing,
    fallback: said,
    trouble: said,
    bridge: said,
    reprompt: said,
    goodbye: said,
  })
  .partial();
const fileSchema = z.record(
  z.string().regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, { message: 'a language such as en or de-AT' }),
  textsSchema,
);

/** Texts of the file by language, each only as far as it differs. */
export type TextChanges = z.output<typeof fileSchema>;

/** @throws ZodError for what is no such file */
export const parseTexts = (value: unknown): TextChanges => fileSchema.parse(value);

/** The texts of a language: the file's for exactly it, the file's for its first part, then the built-in ones. */
export class TextsByLanguage {
  readonly #changes: ReadonlyMap<string, TextChanges[string]>;
  readonly #fallback: string;
  readonly #known = new Map<string, SpokenTexts>();

  /** @param fallback language of the texts that another one lacks */
  constructor(fallback: string, changes: TextChanges = {}) {
    this.#fallback = fallback;
    this.#changes = new Map(
      Object.entries(changes).map(([language, texts]) => [language.toLowerCase(), texts]),
    );
  }

  of(language: string): SpokenTexts {
    const name = language.toLowerCase();
    const known = this.#known.get(name);
    if (known) return known;
    const base = this.#base(name) ?? this.#base(this.#fallback.toLowerCase()) ?? ENGLISH;
    const texts = { ...base, ...this.#changed(name) };
    // Languages come from settings and profiles; a flood of odd ones is made anew each time.
    if (this.#known.size < 64) this.#known.set(name, texts);
    return texts;
  }

  #base(name: string): SpokenTexts | undefined {
    const built = BUILT_IN[primary(name)];
    const changed = this.#changed(name);
    if (built) return { ...built, ...changed };
    return isWhole(changed) ? changed : undefined;
  }

  #changed(name: string): Partial<SpokenTexts> {
    return strip({ ...this.#changes.get(primary(name)), ...this.#changes.get(name) });
  }
}

const primary = (language: string): string => language.split('-')[0] ?? language;

const NAMES = Object.keys(ENGLISH) as (keyof SpokenTexts)[];
const isWhole = (texts: Partial<SpokenTexts>): texts is SpokenTexts =>
  NAMES.every((name) => texts[name] !== undefined);

/** Without the fields that the schema makes undefined. */
const strip = (texts: TextChanges[string]): Partial<SpokenTexts> =>
  Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined));
