const LENGTH = '2024-11-15T19:16:12.925Z'.length;
const Z = 0x5a;
const DAY_MS = 86_400_000;

let lastDay = '';
let lastDayMs = Number.NaN;

/**
 * Milliseconds since 1970 of an ISO timestamp, NaN when it is none. The form that ACS sends is read digit by
 * digit, with the day remembered: fifty frames a second and call carry one.
 */
export function parseTimestamp(data: Buffer, start: number, end: number): number {
  const plain = end - start === LENGTH && data[end - 1] === Z;
  if (!plain) return Date.parse(data.toString('latin1', start, end));
  if (!sameDay(data, start)) {
    lastDay = data.toString('latin1', start, start + 10);
    lastDayMs = Date.parse(`${lastDay}T00:00:00.000Z`);
  }
  const hours = digits(data, start + 11, 2);
  const minutes = digits(data, start + 14, 2);
  const seconds = digits(data, start + 17, 2);
  const millis = digits(data, start + 20, 3);
  const separated =
    data[start + 10] === 0x54 &&
    data[start + 13] === 0x3a &&
    data[start + 16] === 0x3a &&
    data[start + 19] === 0x2e;
  if (!separated || hours > 23 || minutes > 59 || seconds > 59) return Number.NaN;
  const time = ((hours * 60 + minutes) * 60 + seconds) * 1000 + millis;
  return time < DAY_MS ? lastDayMs + time : Number.NaN;
}

function sameDay(data: Buffer, start: number): boolean {
  if (lastDay.length !== 10) return false;
  for (let i = 0; i < 10; i++) if (data[start + i] !== lastDay.charCodeAt(i)) return false;
  return true;
}

/** The number in so many bytes, NaN when one of them is no digit. */
function digits(data: Buffer, start: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) {
    const digit = (data[start + i] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}
