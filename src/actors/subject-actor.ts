/**
 * A caller across calls. The id is a keyed hash of the number, never the number. One method at a time a subject, so
 * that two calls that end at once update one profile in turn; idempotent by session id.
 */
import { AbstractActor } from '@dapr/dapr';
import type { ActorHost, Instance, Method } from './host.js';
import type { CallSummary, Erasures } from './ports.js';

export const SUBJECT_ACTOR = 'SubjectActor';

/** Where profiles are kept; the adapter works with ETags. */
export interface Profiles {
  recordCall(subjectId: string, summary: CallSummary): Promise<void>;
}

export class SubjectInstance implements Instance {
  readonly id: string;
  stale = false;
  readonly #profiles: Profiles;
  readonly #erasures: Pick<Erasures, 'check'>;

  constructor(id: string, profiles: Profiles, erasures: Pick<Erasures, 'check'>) {
    this.id = id;
    this.#profiles = profiles;
    this.#erasures = erasures;
  }

  dispose(): void {
    // Holds nothing.
  }

  async record(summary: CallSummary): Promise<object> {
    // Erased is not absent: the profile of an erased caller does not come back with a call begun before.
    if (await this.#erasures.check(this.id, summary.incarnation)) return { ok: true, erased: true };
    await this.#profiles.recordCall(this.id, summary);
    return { ok: true };
  }
}

export const subjectMethods: Readonly<Record<string, Method<SubjectInstance>>> = {
  record: (subject, args) => subject.record((args as { summary: CallSummary }).summary),
};

let theHost: ActorHost<SubjectInstance> | undefined;

export function hostSubjectActors(host: ActorHost<SubjectInstance>): void {
  theHost = host;
}

export class SubjectActor extends AbstractActor {
  record = (args: unknown): Promise<object> => {
    if (!theHost) return Promise.resolve({ ok: false, code: 'RTV_INTERNAL' });
    return theHost.dispatch(this.getActorId().getId(), 'record', args);
  };

  override async onDeactivate(): Promise<void> {
    theHost?.drop(this.getActorId().getId());
  }
}
