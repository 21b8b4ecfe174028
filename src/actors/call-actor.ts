/** The Dapr shell of a call: no state, every method goes to the host (host.ts). The type's name is the class's name. */
import { AbstractActor } from '@dapr/dapr';
import type { CallFact } from '../call/events.js';
import type { CallInstance } from './call-instance.js';
import type {
  ArchivedArgs,
  AttachArgs,
  CallOrigin,
  DetachArgs,
  EventArgs,
  MediaLostArgs,
  SayingArgs,
  StartArgs,
  TranscribingArgs,
  TranscriptionLostArgs,
  TurnArgs,
} from './call-messages.js';
import { TurnGap } from './call-turns.js';
import type { ControlArgs, OperatedArgs } from './control-messages.js';
import type { ActorHost, Method } from './host.js';

/** CallActor's methods. Arguments come from our own workers, over the sidecar, behind the app token. */
export const callMethods: Readonly<Record<string, Method<CallInstance>>> = {
  start: (call, args, dispatch) => {
    const { origin, by } = args as StartArgs;
    return call.start(origin, dispatch, by);
  },
  event: (call, args, dispatch) => {
    const { facts, origin, signals } = args as EventArgs;
    return call.event(facts as readonly CallFact[], origin as CallOrigin, dispatch, signals);
  },
  attach: (call, args, dispatch) => call.attach(args as AttachArgs, dispatch),
  say: (call, args, dispatch) => call.say(args as SayingArgs, dispatch),
  turn: async (call, args, dispatch) => {
    try {
      return await call.turn(args as TurnArgs, dispatch);
    } catch (thrown) {
      if (thrown instanceof TurnGap) return { ok: false, code: thrown.code, expected: thrown.expected };
      throw thrown;
    }
  },
  detach: (call, args, dispatch) => call.detach(args as DetachArgs, dispatch),
  mediaLost: (call, args, dispatch) => call.mediaLost(args as MediaLostArgs, dispatch),
  transcribing: (call, args) => call.transcribing(args as TranscribingArgs),
  transcriptionLost: (call, args) => call.transcriptionLost(args as TranscriptionLostArgs),
  archived: (call, args, dispatch) => {
    return call.archived((args as ArchivedArgs).turns, dispatch);
  },
  control: (call, args, dispatch) => call.control(args as ControlArgs, dispatch),
  operated: (call, args, dispatch) => call.operated(args as OperatedArgs, dispatch),
  operations: (call, _args, dispatch) => call.operations(dispatch),
  settle: (call, _args, dispatch) => call.settle(dispatch),
  keep: (call, _args, dispatch) => call.keep(dispatch),
  locate: (call) => call.locate(),
  describe: (call) => call.describe(),
  /** Touches nothing: what a call of any method costs at least. */
  ping: async () => ({ ok: true }),
};

let theHost: ActorHost<CallInstance> | undefined;
let forgetReminder: (callId: string) => void = () => undefined;

/** The SDK makes actors by class, so the host is handed over before the server starts. */
export function hostCallActors(
  host: ActorHost<CallInstance>,
  unregisterReminder: (callId: string) => void,
): void {
  theHost = host;
  forgetReminder = unregisterReminder;
}

export class CallActor extends AbstractActor {
  start = (args: unknown): Promise<object> => this.#run('start', args);
  event = (args: unknown): Promise<object> => this.#run('event', args);
  attach = (args: unknown): Promise<object> => this.#run('attach', args);
  say = (args: unknown): Promise<object> => this.#run('say', args);
  turn = (args: unknown): Promise<object> => this.#run('turn', args);
  detach = (args: unknown): Promise<object> => this.#run('detach', args);
  mediaLost = (args: unknown): Promise<object> => this.#run('mediaLost', args);
  transcribing = (args: unknown): Promise<object> => this.#run('transcribing', args);
  transcriptionLost = (args: unknown): Promise<object> => this.#run('transcriptionLost', args);
  archived = (args: unknown): Promise<object> => this.#run('archived', args);
  keep = (args: unknown): Promise<object> => this.#run('keep', args);
  control = (args: unknown): Promise<object> => this.#run('control', args);
  operated = (args: unknown): Promise<object> => this.#run('operated', args);
  operations = (args: unknown): Promise<object> => this.#run('operations', args);
  settle = (args: unknown): Promise<object> => this.#run('settle', args);
  locate = (args: unknown): Promise<object> => this.#run('locate', args);
  describe = (args: unknown): Promise<object> => this.#run('describe', args);
  ping = (args: unknown): Promise<object> => this.#run('ping', args);

  /** The recurring reminder. One whose call is gone is removed: nobody else would. */
  override async receiveReminder(_data: string): Promise<void> {
    const answer = (await this.#run('keep', {})) as { ok: boolean; code?: string };
    if (answer.code === 'RTV_CALL_UNKNOWN' || answer.code === 'RTV_CALL_ENDED') {
      forgetReminder(this.getActorId().getId());
    }
  }

  override async onDeactivate(): Promise<void> {
    theHost?.drop(this.getActorId().getId());
  }

  #run(method: string, args: unknown): Promise<object> {
    if (!theHost) return Promise.resolve({ ok: false, code: 'RTV_INTERNAL' });
    return theHost.dispatch(this.getActorId().getId(), method, args);
  }
}
