/** What the agent of the benches says: long replies of many sentences, so that there is something to interrupt. */
import type { ReplyPart, ReplyRequest, Responder } from '../../../src/agent/responder.js';

export const SENTENCES: readonly string[] = [
  'Your policy covers damage to the car that was caused by an accident on a public road.',
  'It also covers the cost of a rental car while yours is in the workshop, for up to two weeks.',
  'If another person was hurt, please tell me so that I can open a second file for them.',
  'The workshop will call you within one working day to agree on a date.',
  'You will receive a letter with the number of your claim and the name of your contact.',
  'Please keep all receipts, since we can only refund what we can see on paper.',
  'The excess that you agreed to is taken from the first payment and not from later ones.',
  'Photographs of the damage help us a lot, and you can send them from your telephone.',
  'When the repair is done you will be asked to sign that the car was returned in good order.',
  'A claim does not change the price of your policy before the end of the current year.',
  'Should the car turn out to be a total loss, we pay what it was worth on the morning of that day.',
  'For theft you need the number of the police report, which the station gives you on the spot.',
];
/** To all other words. */
export const SHORT_REPLY = 'What else can I do for you today?';
/** Asked with these words, the agent talks for so many sentences. */
const STORY = /^tell me (\d+) from (\d+)/i;

/** Asked with this, it says what follows. */
const SAY = 'Say: ';

export const askToSay = (text: string): string => `${SAY}${text}`;
export const askForStory = (sentences: number, from: number): string => `Tell me ${sentences} from ${from}.`;

const storySentence = (index: number): string => SENTENCES[index % SENTENCES.length] ?? SHORT_REPLY;

export class StoryTeller implements Responder {
  readonly agent = 'bench';

  async *reply(request: ReplyRequest, signal: AbortSignal): AsyncGenerator<ReplyPart> {
    if (request.heard === undefined) return;
    if (request.heard.startsWith(SAY)) {
      yield { kind: 'text', text: request.heard.slice(SAY.length) };
      return;
    }
    const [, sentences, from] = STORY.exec(request.heard) ?? [];
    if (sentences === undefined) {
      yield { kind: 'text', text: SHORT_REPLY };
      return;
    }
    for (let index = 0; index < Number(sentences) && !signal.aborted; index += 1) {
      yield { kind: 'text', text: `${storySentence(Number(from) + index)} ` };
    }
  }

  phrases(): readonly string[] {
    return [...SENTENCES, SHORT_REPLY];
  }
}
