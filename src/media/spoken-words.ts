/** Which words of a sentence were heard when its speech was cut, by time: words take time by their letters. */

export function heardWords(text: string, heardMs: number, lengthMs: number): string {
  if (heardMs >= lengthMs) return text;
  if (heardMs <= 0 || lengthMs <= 0) return '';
  const words = text.split(/\s+/).filter((word) => word !== '');
  // A pause after a comma or stop is worth about three letters.
  const weight = (word: string): number => word.length + 1 + (/[,.;:!?]$/.test(word) ? 3 : 0);
  const total = words.reduce((sum, word) => sum + weight(word), 0);
  const limit = (heardMs / lengthMs) * total;
  const heard: string[] = [];
  let at = 0;
  for (const word of words) {
    at += weight(word);
    // A word counts when most of it was heard.
    if (at - weight(word) * 0.4 > limit) break;
    heard.push(word);
  }
  return heard.join(' ');
}
