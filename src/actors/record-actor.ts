/**
 * One actor for the whole deployment that makes the daily roll-ups: its recurring reminder survives every worker, and
 * with one instance one worker does the work. Done twice at once it comes to the same.
 */
import { AbstractActor } from '@dapr/dapr';
import type { ActorHost, Instance, Method } from './host.js';

export const RECORD_ACTOR = 'RecordActor';
export const RECORD_ACTOR_ID = 'daily';

/** What is made each day. It goes on after the method has answered: a method is short (host.ts). */
export interface DailyWork {
  /** false: one run is under way already, or the worker is ending. */
  start(): boolean;
}

export class RecordInstance implements Instance {
  readonly id: string;
  stale = false;
  readonly #work: DailyWork;

  constructor(id: string, work: DailyWork) {
    this.id = id;
    this.#work = work;
  }

  dispose(): void {
    // Holds nothing.
  }

  daily(): Promise<object> {
    return Promise.resolve({ ok: true, started: this.#work.start() });
  }
}

export const recordMethods: Readonly<Record<string, Method<RecordInstance>>> = {
  daily: (record) => record.daily(),
};

let theHost: ActorHost<RecordInstance> | undefined;

export function hostRecordActors(host: ActorHost<RecordInstance>): void {
  theHost = host;
}

export class RecordActor extends AbstractActor {
  daily = (): Promise<object> => this.#run();

  /** The recurring reminder. A run that fails is made up for by the next one. */
  override async receiveReminder(_data: string): Promise<void> {
    await this.#run();
  }

  override async onDeactivate(): Promise<void> {
    theHost?.drop(this.getActorId().getId());
  }

  #run(): Promise<object> {
    if (!theHost) return Promise.resolve({ ok: false, code: 'RTV_INTERNAL' });
    return theHost.dispatch(this.getActorId().getId(), 'daily', {});
  }
}
