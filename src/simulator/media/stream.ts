import { randomUUID } from 'node:crypto';
import type { SpeechFrame } from '../caller/speech.js';
import type { Call } from '../core/call.js';
import { HeardLog } from './heard.js';
import { type LinkState, type Operation, SocketLink } from './link.js';
import { audioData, audioMetadata, dtmfData, type MediaRate, parseMediaInput, SILENCE } from './messages.js';
import { mix } from './mix.js';
import { type MediaStreamingOptions, rateOf } from './options.js';
import { isVoice, Playout } from './playout.js';

/** Unmixed audio carries the four dominant speakers. */
const MAX_SPEAKERS = 4;
const GARBAGE = [
  '{"kind":"AudioData","audioData":{"timestamp":',
  '{"kind":"AudioData"}',
  '{"kind":"AudioData","audioData":{"data":"!!not base64!!","silent":"perhaps","participantRawID":null}}',
  '{"kind":"SomethingNew","somethingNew":{"x":1}}',
  '[]',
  'null',
  '',
  '\u0000\u0001\u0002',
] as const;

/** A call's audio, both ways. */
export class MediaStream {
  readonly id = randomUUID();
  readonly options: MediaStreamingOptions;
  readonly rate: MediaRate;
  readonly playout: Playout;
  readonly heard = new HeardLog();
  /** Fault: sockets that were stopped and are heard all the same. */
  readonly #older = new Map<number, Playout>();
  #current = 0;
  readonly #call: Call;
  readonly #link: SocketLink;
  #frames = 0;
  #slow = false;
  #freezeNext = false;

  constructor(call: Call, options: MediaStreamingOptions) {
    this.#call = call;
    this.options = options;
    this.rate = rateOf(options);
    this.playout = new Playout((this.rate / 50) * 2);
    this.#link = new SocketLink(call, {
      name: 'MediaStreaming',
      url: options.transportUrl,
      onOpen: (socket, number) => {
        this.#current = number;
        this.heard.opened(number);
        socket.send(audioMetadata(this.id, this.rate));
        if (this.#slow) socket.readSlowly();
        if (this.#freezeNext) this.freeze();
        call.report.mediaOpen();
        call.progress('media', { opened: call.report.mediaOpened });
      },
      onMessage: (data, number) => this.#receive(data, number),
      onClosed: (number) => {
        this.heard.closed(number);
        this.#older.delete(number);
      },
      onLost: () => {
        call.report.mediaLost += 1;
        call.progress('mediaLost');
      },
      onFailed: () => {
        call.report.mediaFailed += 1;
        call.progress('mediaFailed');
      },
    });
  }

  get state(): LinkState {
    return this.#link.state;
  }

  start(operation: Operation): void {
    this.#link.start(operation);
  }

  stop(operation: Operation): void {
    if (this.#call.plan.faults.stopKeepsSocket && this.#link.socket) {
      this.#older.set(this.#current, new Playout((this.rate / 50) * 2));
    } else {
      this.playout.clear();
    }
    this.#link.stop(operation);
  }

  /** The next 20 ms of what the caller hears of the application; undefined is silence. */
  hear(): Buffer | undefined {
    let heard = this.playout.next();
    let voices = heard && isVoice(heard) ? 1 : 0;
    for (const older of this.#older.values()) {
      const frame = older.next();
      if (frame && isVoice(frame)) voices += 1;
      heard = mix(heard, frame);
    }
    this.heard.played(voices);
    return heard;
  }

  close(): void {
    this.#link.close();
  }

  /** Sends what the caller says in one frame; undefined is silence. */
  send(speech: SpeechFrame | undefined): void {
    const { socket } = this.#link;
    if (!socket) return;
    const timestamp = new Date().toISOString();
    const silence = SILENCE[this.rate];
    if (this.options.audioChannelType === 'mixed') {
      const message = audioData(timestamp, undefined, speech?.base64 ?? silence, speech === undefined);
      this.#count(socket.send(message));
      for (const left of this.#link.left) left.send(message);
    } else {
      let speakers = 0;
      for (const rawId of this.#call.participants.keys()) {
        speakers += 1;
        if (speakers > MAX_SPEAKERS) break;
        const own = rawId === this.#call.caller.rawId ? speech : undefined;
        this.#count(socket.send(audioData(timestamp, rawId, own?.base64 ?? silence, own === undefined)));
      }
    }
    this.#frames += 1;
    if (this.#call.plan.garbageAfter(this.#frames)) {
      socket.send(
        GARBAGE[Math.floor(this.#call.chance.unit('garbage', this.#frames) * GARBAGE.length)] ?? '',
      );
    }
  }

  /** Sends a pressed key. */
  key(tone: string): void {
    if (this.options.enableDtmfTones) this.#link.socket?.send(dtmfData(tone));
  }

  /** Fault: the connection breaks, if there is one. */
  cut(): void {
    this.#link.cut();
  }

  /** Fault: this connection goes half open, or the next one if there is none. */
  freeze(): void {
    this.#freezeNext = this.#link.socket === undefined;
    this.#link.socket?.freeze();
  }

  /** Fault: this connection and all later ones are read slowly. */
  readSlowly(): void {
    this.#slow = true;
    this.#link.socket?.readSlowly();
  }

  #count(sent: boolean): void {
    if (sent) this.#call.report.framesSent += 1;
    else this.#call.report.framesUnsent += 1;
  }

  #receive(data: string, number: number): void {
    if (!this.options.enableBidirectional) return;
    const playout = this.#older.get(number) ?? this.playout;
    const input = parseMediaInput(data);
    if (input.kind === 'stop') {
      this.#call.report.stopAudio += 1;
      playout.clear();
    } else if (input.kind === 'audio') {
      this.#call.report.framesReceived += 1;
      playout.push(input.pcm);
      const voice = isVoice(input.pcm);
      this.heard.arrived(number, voice);
      if (!input.silent) this.#call.report.audioReceived(voice);
    }
  }
}
