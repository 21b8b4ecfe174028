import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { StackError } from './error.js';
import { writeAtomically } from './files.js';

const shape = z.object({
  redisPassword: z.string().min(16),
  daprApiToken: z.string().min(16),
  appApiToken: z.string().min(16),
  /** RTVOICE_DATA_KEY: 32 bytes, base64. */
  dataKey: z.string().min(44),
  /** RTVOICE_URL_SECRET: what signs the callback and media URLs, the same for all workers. */
  urlSecret: z.string().min(16),
  /** Access key of the ACS simulator, base64. */
  acsAccessKey: z.string().min(16),
  /** Key of the Cosmos stand-in, base64. */
  cosmosKey: z.string().min(16),
  /** API_TOKEN of the control API. */
  apiToken: z.string().min(16),
});

/** Keys that the runner made up for this state folder. */
export type StackSecrets = Readonly<z.output<typeof shape>>;

export function secretsPath(stateDir: string): string {
  return join(stateDir, 'secrets.json');
}

/**
 * The keys of this state folder, made at its first start and kept (mode 0600): the stored data cannot be read
 * without them. A file that cannot be read is never replaced.
 * @throws StackError RTV_STACK_SECRETS_UNREADABLE
 */
export function loadSecrets(stateDir: string): StackSecrets {
  const path = secretsPath(stateDir);
  let text: string | undefined;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT'))
      throw unreadable(path, error);
  }
  if (text !== undefined) {
    try {
      const held = JSON.parse(text) as object;
      const made = later();
      const whole = shape.parse({ ...made, ...held });
      // A folder made before a key was known gets that key, and keeps the others.
      if (Object.keys(made).some((name) => !Object.hasOwn(held, name))) write(path, whole);
      return whole;
    } catch (error) {
      throw unreadable(path, error);
    }
  }
  const made: StackSecrets = {
    redisPassword: randomBytes(24).toString('hex'),
    daprApiToken: randomBytes(24).toString('hex'),
    appApiToken: randomBytes(24).toString('hex'),
    dataKey: randomBytes(32).toString('base64'),
    urlSecret: randomBytes(32).toString('base64'),
    acsAccessKey: randomBytes(48).toString('base64'),
    cosmosKey: randomBytes(64).toString('base64'),
    ...later(),
  };
  write(path, made);
  return made;
}

/** Keys that came after the first ones: nothing stored depends on them. */
const later = () => ({ apiToken: randomBytes(24).toString('hex') });

function write(path: string, secrets: StackSecrets): void {
  writeAtomically(path, `${JSON.stringify(secrets, null, 2)}\n`, 0o600);
}

function unreadable(path: string, cause: unknown): StackError {
  return new StackError(
    'RTV_STACK_SECRETS_UNREADABLE',
    `${path} cannot be read, and without its keys neither can the stored data. Put it back, or remove the whole state folder to begin anew.`,
    { cause },
  );
}
