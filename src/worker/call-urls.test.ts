import { describe, expect, it } from 'vitest';
import { callAddresses } from './call-urls.js';

const dataKey = Buffer.alloc(32, 7);
const local = { PUBLIC_BASE_URL: 'http://127.0.0.1:8080', RTVOICE_URL_SECRET: undefined };
const tokenOf = (url: string): string => url.split('/').at(-1) ?? '';

describe('the addresses of a call', () => {
  it('hold a token that tells the call, with sockets as safe as the base', () => {
    const addresses = callAddresses({ ...local, PUBLIC_BASE_URL: 'https://voice.example/ignored' }, dataKey);
    const urls = addresses.of('correlation-1');
    const token = tokenOf(urls.callback);
    expect(urls).toEqual({
      callback: `https://voice.example/acs/callbacks/${token}`,
      media: `wss://voice.example/acs/media/${token}`,
      transcription: `wss://voice.example/acs/transcription/${token}`,
    });
    expect(addresses.read(token)).toBe('correlation-1');
    expect(callAddresses(local, dataKey).of('c').media).toMatch(/^ws:\/\/127\.0\.0\.1:8080\//);
  });

  it('are read by workers of the same key alone', () => {
    const token = tokenOf(callAddresses(local, dataKey).of('c').callback);
    expect(callAddresses(local, dataKey).read(token)).toBe('c');
    expect(callAddresses(local, Buffer.alloc(32, 8)).read(token)).toBeUndefined();
    expect(
      callAddresses({ ...local, RTVOICE_URL_SECRET: 'a secret of its own' }, dataKey).read(token),
    ).toBeUndefined();
  });
});
