import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeWav } from '../../src/audio/wav.js';
import { transcribe } from '../support/pocketsphinx.js';
import { wordErrors } from '../support/wer.js';

const DATA = '/usr/share/pocketsphinx/test/data/librivox';

describe('transcribe', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rtvoice-transcribe-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('understands a person who reads a book', async () => {
    const transcripts = await readFile(join(DATA, 'transcription'), 'utf8');
    const [, said = '', id] = /<s> (had he married .*) <\/s> \((.*)\)/.exec(transcripts) ?? [];
    const heard = await transcribe(join(DATA, `${id}.wav`));
    expect(wordErrors(said, heard).wer).toBeLessThan(0.4);
    // The measure itself: the same words are not understood for other ones.
    expect(wordErrors('your account has been closed since monday', heard).wer).toBeGreaterThan(0.8);
  });

  it('hears nothing in silence', async () => {
    const path = join(folder, 'silence.wav');
    await writeFile(path, encodeWav(Buffer.alloc(32_000), 16_000));
    expect(await transcribe(path)).toBe('');
  });

  it.each([
    { channels: 1, rate: 8000 },
    { channels: 2, rate: 16_000 },
  ])('refuses $channels channel(s) at $rate Hz', async ({ channels, rate }) => {
    const path = join(folder, 'other.wav');
    await writeFile(path, encodeWav(Buffer.alloc(32_000), rate, channels));
    await expect(transcribe(path)).rejects.toThrow(/Hz/);
  });

  it('refuses what is no WAV file', async () => {
    const path = join(folder, 'text.wav');
    await writeFile(path, 'RIFF');
    await expect(transcribe(path)).rejects.toThrow(/RIFF/);
  });
});
