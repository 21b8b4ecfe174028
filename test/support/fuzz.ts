/** A seeded fuzzer of what comes in at the doors: bodies, heads, URL parts, socket frames. The same seed, the same storm. */
import { randomUUID } from 'node:crypto';

const TYPES = [
  ...[
    'CallConnected',
    'ParticipantsUpdated',
    'PlayCompleted',
    'PlayStarted',
    'RecognizeCompleted',
    'HoldFailed',
  ],
  ...['RecordingStateChanged', 'ContinuousDtmfRecognitionToneReceived', 'AddParticipantFailed', 'Unheard.Of'],
];
const KINDS = [
  'AudioMetadata',
  'AudioData',
  'DtmfData',
  'TranscriptionMetadata',
  'TranscriptionData',
  'StopAudio',
  'Nothing',
];
const ODD_TEXTS = [
  '',
  ' ',
  '\u0000',
  '\u202e',
  '𐀀'.repeat(50),
  '../../etc',
  '%00',
  '"',
  '\\',
  '{}',
  '__proto__',
  'constructor',
];
const ODD_NUMBERS = [0, -0, -1, 1e308, -1e308, 5e-324, 2 ** 53, Number.MAX_SAFE_INTEGER, 0.1];

export class Fuzz {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** [0, 1): mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  chance(p: number): boolean {
    return this.next() < p;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new RangeError('nothing to pick from');
    return value;
  }

  text(most = 40): string {
    if (this.chance(0.3)) return this.pick(ODD_TEXTS);
    return Array.from({ length: this.below(most) }, () => String.fromCharCode(32 + this.below(200))).join('');
  }

  bytes(most: number): Buffer {
    const buffer = Buffer.alloc(this.below(most) + 1);
    for (let at = 0; at < buffer.length; at += 1) buffer[at] = this.below(256);
    return buffer;
  }

  /** Any JSON value, seldom deep. */
  value(depth = 0): unknown {
    const kind = this.below(depth > 4 ? 5 : 7);
    if (kind === 0) return null;
    if (kind === 1) return this.chance(0.5);
    if (kind === 2) return this.pick(ODD_NUMBERS);
    if (kind === 3) return this.text();
    if (kind === 4) return this.below(1000);
    if (kind === 5) return Array.from({ length: this.below(5) }, () => this.value(depth + 1));
    return Object.fromEntries(
      Array.from({ length: this.below(5) }, () => [this.text(12), this.value(depth + 1)]),
    );
  }

  urlPart(): string {
    return encodeURIComponent(this.text(60)) || 'x';
  }

  /** A header value that HTTP allows. */
  headerValue(): string {
    const text = this.text(200).replace(/[^\x21-\x7e]/g, '');
    return this.chance(0.5) ? `Bearer ${text || 'x'}` : text || 'x';
  }

  headers(): Record<string, string> {
    const headers: Record<string, string> = {
      'content-type': this.pick([
        'application/json',
        'text/plain',
        'x',
        'application/cloudevents-batch+json; charset=utf-7',
      ]),
    };
    if (this.chance(0.1)) headers['x-ms-call-connection-id'] = this.headerValue();
    if (this.chance(0.1)) headers['content-encoding'] = this.pick(['gzip', 'br', 'identity', 'nonsense']);
    if (this.chance(0.1))
      headers['aeg-event-type'] = this.pick(['SubscriptionValidation', 'Notification', 'x']);
    if (this.chance(0.05)) headers['x-long'] = 'a'.repeat(this.below(8_000));
    return headers;
  }

  /** A body: nonsense, broken JSON, odd JSON, or events with something wrong in them. */
  body(callId: string): Buffer {
    const kind = this.next();
    if (kind < 0.1) return this.bytes(2_000);
    if (kind < 0.2) return Buffer.from(JSON.stringify(this.value()));
    if (kind < 0.25) return Buffer.from('['.repeat(this.below(20_000)));
    if (kind < 0.253) return Buffer.alloc(1024 * 1024 + 1 + this.below(1024), 0x20);
    const events = Array.from({ length: 1 + this.below(4) }, () => this.event(callId));
    const text = JSON.stringify(events);
    if (kind < 0.4) return Buffer.from(text.slice(0, this.below(text.length)));
    if (kind < 0.5) return this.#flipped(Buffer.from(text));
    return Buffer.from(text);
  }

  event(callId: string): unknown {
    const event: Record<string, unknown> = {
      id: randomUUID(),
      source: `calling/callConnections/${callId}`,
      type: `Microsoft.Communication.${this.pick(TYPES)}`,
      eventType: this.chance(0.2) ? 'Microsoft.Communication.IncomingCall' : undefined,
      data: {
        callConnectionId: callId,
        correlationId: this.chance(0.5) ? randomUUID() : this.text(),
        incomingCallContext: this.text(200),
        participants: this.value(),
        sequenceNumber: this.value(),
        resultInformation: this.chance(0.5) ? this.value() : { code: 200, subCode: 0, message: this.text() },
        operationContext: this.text(),
        tone: this.value(),
        state: this.value(),
      },
      time: this.chance(0.5) ? new Date(1.7e12).toISOString() : this.value(),
      specversion: '1.0',
    };
    const names = Object.keys(event);
    for (let changes = this.below(3); changes > 0; changes -= 1) {
      const name = this.pick(names);
      if (this.chance(0.5)) delete event[name];
      else event[name] = this.value();
    }
    return event;
  }

  /** A socket frame: text or binary, a message with something wrong, or none. */
  frame(callId: string): { readonly data: Buffer; readonly binary: boolean } {
    const binary = this.chance(0.15);
    const kind = this.next();
    if (kind < 0.15) return { data: this.bytes(3_000), binary: true };
    if (kind < 0.25) return { data: Buffer.from(JSON.stringify(this.value())), binary };
    const name = this.pick(KINDS);
    const field = `${name.charAt(0).toLowerCase()}${name.slice(1)}`;
    const message: Record<string, unknown> = {
      kind: this.chance(0.8) ? name : this.value(),
      [field]: this.chance(0.3) ? this.value() : this.#fieldsOf(name, callId),
    };
    const text = JSON.stringify(message);
    if (kind < 0.4) return { data: Buffer.from(text.slice(0, this.below(text.length))), binary };
    if (kind < 0.5) return { data: Buffer.from(this.#flipped(Buffer.from(text)).toString('utf8')), binary };
    return { data: Buffer.from(text), binary };
  }

  #fieldsOf(name: string, callId: string): Record<string, unknown> {
    if (name === 'AudioData') {
      const length = this.pick([640, 960, 0, 1, 639, 100_000]);
      return {
        timestamp: this.chance(0.7) ? new Date(1.7e12).toISOString() : this.value(),
        participantRawID: this.chance(0.7) ? null : this.value(),
        data: this.chance(0.8) ? Buffer.alloc(length, this.below(256)).toString('base64') : this.value(),
        silent: this.chance(0.8) ? this.chance(0.5) : this.value(),
      };
    }
    if (name === 'AudioMetadata') {
      return {
        subscriptionId: callId,
        encoding: this.text(),
        sampleRate: this.value(),
        channels: this.value(),
        length: this.value(),
      };
    }
    if (name === 'DtmfData')
      return { data: this.chance(0.5) ? this.pick(['1', '#', 'pound']) : this.value() };
    return {
      // Interim only: a final would be a turn of the call, and rightly so.
      text: this.text(300),
      format: 'display',
      confidence: this.value(),
      offset: this.value(),
      duration: this.value(),
      words: this.value(),
      participantRawID: this.value(),
      resultStatus: this.pick(['Intermediate', 'intermediate', 'Nothing']),
    };
  }

  #flipped(buffer: Buffer): Buffer {
    for (let flips = 1 + this.below(8); flips > 0; flips -= 1) {
      const at = this.below(buffer.length);
      buffer[at] = (buffer[at] ?? 0) ^ (1 << this.below(8));
    }
    return buffer;
  }
}
