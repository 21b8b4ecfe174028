import { FRAME_MS } from '../../audio/pcm.js';
import type { VoiceActivitySettings } from './settings.js';

/** Quietest noise assumed, dBFS: in digital silence the first breath shall not be an event. */
const LOWEST_FLOOR_DB = -66;
/** Frames at the start of which the plain average is taken: half a second. */
const LEARNING_FRAMES = 25;
const FALL = 0.05;
const RISE = 0.02;
/** Fastest rise, dB a frame: 3 dB/s, so that a word does not lift the floor, a fan does. */
const MAX_RISE_DB = 0.06;
/** After speech what stands out is mostly more of it, though the model may doubt: so long it is not learnt as noise, ms. */
const DOUBT_MS = 1_500;
/** While someone speaks, and in that doubt, the floor rises by 0.5 dB/s only, lest a long sentence becomes the noise. */
const MAX_RISE_SPEAKING_DB = 0.01;
const DEVIATION_PACE = 0.02;
const MAX_DEVIATION_DB = 8;
/** Assumed until it is known: noise may yet turn out to be voices. */
const FIRST_DEVIATION_DB = 2.5;

/**
 * Opens on frames that stand out from an adaptive noise floor: cheap enough for every frame of every call.
 * How far they must stand out follows from how much the noise itself goes up and down: little for hiss, a lot
 * for other people's voices.
 */
export class EnergyGate {
  /** Mean level without speech, dBFS. */
  floorDb = LOWEST_FLOOR_DB;
  /** Mean distance of the noise from its floor, dB. */
  deviationDb = FIRST_DEVIATION_DB;
  private frames = 0;
  private holdMs = 0;
  private doubtMs = 0;
  private readonly settings: VoiceActivitySettings;

  constructor(settings: VoiceActivitySettings) {
    this.settings = settings;
  }

  /**
   * @param levelDb of a frame
   * @param speaking whether the caller is known to speak: then little is learnt about the noise
   * @returns whether the gate is open after this frame
   */
  update(levelDb: number, speaking: boolean): boolean {
    // Nothing is known before the first frame: it is taken for noise.
    if (this.frames === 0) this.floorDb = Math.max(levelDb, LOWEST_FLOOR_DB);
    this.holdMs = this.standsOut(levelDb) ? this.settings.gateHoldMs : Math.max(0, this.holdMs - FRAME_MS);
    this.doubtMs = speaking ? DOUBT_MS : Math.max(0, this.doubtMs - FRAME_MS);
    this.learn(Math.max(levelDb, LOWEST_FLOOR_DB), speaking || (this.doubtMs > 0 && this.holdMs > 0));
    return this.holdMs > 0;
  }

  /** Whether this level is beyond what the noise reaches; `part` of the full distance is asked for. */
  standsOut(levelDb: number, part = 1): boolean {
    const { gateDb, gateDeviations, minLevelDb } = this.settings;
    const distance = Math.max(gateDb, gateDeviations * this.deviationDb);
    return levelDb > minLevelDb && levelDb > this.floorDb + part * distance;
  }

  private learn(levelDb: number, speaking: boolean): void {
    this.frames++;
    if (this.frames <= LEARNING_FRAMES) {
      this.floorDb += (levelDb - this.floorDb) / this.frames;
      return;
    }
    const away = levelDb - this.floorDb;
    const limit = speaking ? MAX_RISE_SPEAKING_DB : MAX_RISE_DB;
    this.floorDb += away < 0 ? away * FALL : Math.min(away * RISE, limit);
    if (speaking) return;
    const distance = Math.min(Math.abs(away), MAX_DEVIATION_DB);
    this.deviationDb += (distance - this.deviationDb) * DEVIATION_PACE;
  }
}
