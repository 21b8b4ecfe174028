/** The line to the actor, with the mood of the caller's words in their turns: assessed here, before they are sealed. */
import type { CallLink } from '../media/ports.js';
import type { AssessMood } from '../record/mood.js';

export function linkWithMoods(link: CallLink, assess: AssessMood): CallLink {
  return {
    ...link,
    turn(callId, at, turnNo, offer) {
      // A repetition gets the same figure.
      const sentiment = offer.role === 'user' ? assess(offer.text) : undefined;
      if (sentiment === undefined) return link.turn(callId, at, turnNo, offer);
      return link.turn(callId, at, turnNo, { ...offer, measures: { ...offer.measures, sentiment } });
    },
  };
}
