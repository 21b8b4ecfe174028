import { clampRate, type SpeechRequest } from './port.js';

/** SSML of one request, with everything from outside escaped. */
export function toSsml(request: SpeechRequest, language: string): string {
  const percent = Math.round((clampRate(request.rate) - 1) * 100);
  const text = escapeXml(request.text);
  const spoken =
    percent === 0 ? text : `<prosody rate="${percent > 0 ? '+' : ''}${percent}%">${text}</prosody>`;
  return (
    `<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="${escapeXml(language)}">` +
    `<voice name="${escapeXml(request.voice)}">${spoken}</voice></speak>`
  );
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** XML 1.0 has no way to say most control characters: they become spaces. */
function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, ' ')
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
