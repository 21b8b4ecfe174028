/** Voices compiled into the flite binary, each with its native rate in Hz. */
export const FLITE_VOICES = {
  kal: 8000,
  kal16: 16000,
  awb: 16000,
  rms: 16000,
  slt: 16000,
} as const;

export type FliteVoice = keyof typeof FLITE_VOICES;

export function isFliteVoice(name: string): name is FliteVoice {
  return Object.hasOwn(FLITE_VOICES, name);
}
