/** Figures of the replies of one call on their way into the agent's turns. */
import { addUsage, isUsage, MOST_STAGES, NO_USAGE, type TurnMeasures, type Usage } from '../call/measures.js';

export class ReplyMeter {
  #usage: Usage = NO_USAGE;
  #stages: Record<string, number> = {};

  /** What the agent used; what no turn has taken yet waits for the next one. Figures that are none are left out. */
  used(usage: Usage): void {
    if (isUsage(usage)) this.#usage = addUsage(this.#usage, usage);
  }

  /** A stage of the reply that is under way took so long. The first of a name counts. */
  stage(name: string, ms: number): void {
    if (Object.hasOwn(this.#stages, name) || Object.keys(this.#stages).length >= MOST_STAGES) return;
    this.#stages[name] = Math.max(0, Math.round(ms * 10) / 10);
  }

  /** A reply begins: stages of one before that became no turn are forgotten. */
  begin(): void {
    this.#stages = {};
  }

  /** What the turn of the reply carries; undefined: nothing was measured. */
  take(): TurnMeasures | undefined {
    const usage = this.#usage === NO_USAGE ? {} : { usage: this.#usage };
    const stages = Object.keys(this.#stages).length === 0 ? {} : { stages: this.#stages };
    this.#usage = NO_USAGE;
    this.#stages = {};
    const measures = { ...usage, ...stages };
    return Object.keys(measures).length === 0 ? undefined : measures;
  }
}
