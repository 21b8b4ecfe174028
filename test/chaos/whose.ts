/** Which of some processes has the other end of a loopback connection: Linux's own tables tell. */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** The inode of the socket whose own port and peer's port are these; undefined when there is none any more. */
export function inodeOf(table: string, ownPort: number, peerPort: number): string | undefined {
  const own = portHex(ownPort);
  const peer = portHex(peerPort);
  for (const line of table.split('\n')) {
    // sl local remote st queues timer retransmits uid timeout inode …
    const fields = line.trim().split(/\s+/);
    if (fields[1]?.endsWith(own) && fields[2]?.endsWith(peer) && fields[9] !== '0') return fields[9];
  }
  return undefined;
}

/**
 * The process among `pids` that connected from `clientPort` to `serverPort` on loopback.
 * @returns undefined when it is none of them, or has ended
 */
export async function connectedFrom(
  clientPort: number,
  serverPort: number,
  pids: readonly number[],
): Promise<number | undefined> {
  // IPv4 sockets of a program that opens IPv6 ones stand in the other table.
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const inode = inodeOf(await readFile(table, 'utf8').catch(() => ''), clientPort, serverPort);
    if (inode === undefined) continue;
    const having = await Promise.all(pids.map(async (pid) => ((await has(pid, inode)) ? [pid] : [])));
    return having.flat()[0];
  }
  return undefined;
}

async function has(pid: number, inode: string): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const files = await readdir(folder).catch(() => []);
  const links = await Promise.all(files.map((file) => readlink(`${folder}/${file}`).catch(() => '')));
  return links.includes(`socket:[${inode}]`);
}

const portHex = (port: number): string => `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
