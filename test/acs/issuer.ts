import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

export interface SigningKey {
  readonly kid: string;
  readonly pair: KeyPair;
}

export async function makeKey(kid: string): Promise<SigningKey> {
  return { kid, pair: await generateKeyPair('RS256', { extractable: true }) };
}

/** A local issuer: signs tokens and serves its public keys. */
export interface Issuer {
  readonly issuer: string;
  readonly jwksUrl: string;
  /** Keys that are served; change them to rotate. */
  keys: SigningKey[];
  /** HTTP status of the key address. */
  status: number;
  reads: number;
  sign(claims: JWTPayload, key?: SigningKey, alg?: string): Promise<string>;
  close(): Promise<void>;
}

export async function startIssuer(): Promise<Issuer> {
  const first = await makeKey('key-1');
  const server = createServer((_request, response) => {
    void (async () => {
      issuer.reads += 1;
      const keys = await Promise.all(
        issuer.keys.map(async ({ kid, pair }) => ({
          ...(await exportJWK(pair.publicKey)),
          kid,
          alg: 'RS256',
          use: 'sig',
        })),
      );
      response.writeHead(issuer.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys }));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer: Issuer = {
    issuer: url,
    jwksUrl: `${url}/calling/keys`,
    keys: [first],
    status: 200,
    reads: 0,
    sign: (claims, key = first, alg = 'RS256') =>
      new SignJWT(claims).setProtectedHeader({ alg, kid: key.kid, typ: 'JWT' }).sign(key.pair.privateKey),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return issuer;
}
