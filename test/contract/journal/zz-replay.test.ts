import { Redis } from 'ioredis';
import { it } from 'vitest';
import { startRedis } from '../../support/redis-servers.js';
import { openLine } from './host.js';
import { World } from './world.js';

const text = process.env.REPLAY ?? '';
it('replays', { timeout: 600_000 }, async () => {
  const server = await startRedis();
  const direct = new Redis({ host: server.host, port: server.port });
  const lines = [await openLine(server), await openLine(server)];
  for (let time = 0; time < Number(process.env.TIMES ?? 50); time += 1) {
    const world = new World(lines, direct);
    const log: string[] = [];
    world.trace = (line) => void log.push(`${(performance.now() % 100000).toFixed(1)} ${line}`);
    await world.start();
    for (const name of text.split(',')) {
      log.push(`-- ${name}`);
      const [word, ...rest] = name.split(' ');
      const n = rest.map(Number);
      if (name === 'say stale') world.sayStale();
      else if (word === 'say') world.say();
      else if (word === 'pause') await world.pause(n[0] ?? 0);
      else if (word === 'archive') await world.archiveSome(n[0] ?? 0, n[1] ?? 0, name.endsWith('mute'));
      else if (word === 'event') await world.event();
      else if (word === 'keep') await world.keep();
      else if (word === 'attach') await world.attachNew();
      else if (word === 'late') await world.late(n[0] ?? 0, n[1] ?? 0);
      else if (word === 'move') await world.move(name.endsWith('clean'));
      else if (word === 'crash') await world.crash(n[0] ?? 0);
      else if (name === 'kill media') await world.killMedia();
      else if (word === 'snapshot') await world.takeSnapshot();
      else if (name === 'go back') await world.goBack();
      else if (word === 'lose') await world.lose(rest[0] as 'all');
      else world.fault(n[0] ?? 0, word as 'cut');
    }
    log.push('-- heal');
    await world.heal().catch((e) => { const d = log.findIndex((l) => l.startsWith('-- heal')); console.log(String(e), log.slice(0, d + 25).join('\n')); throw e; });
    const docs = world.archive.documents();
    const ids = docs.map((d) => d.turnId);
    const bad =
      new Set(ids).size !== ids.length ||
      world.medias.some((m) => m.spoken.some((s) => s.acknowledged && !ids.includes(s.turnId)));
    world.close();
    if (!bad) continue;
    const names = new Map(
      world.medias.flatMap((m, w) => m.spoken.map((s, i) => [s.turnId, `m${w}t${i + 1}`] as const)),
    );
    let out = log.join('\n') + '\n' + docs.map((d) => `${d.incarnation} ${d.seq} ${d.turnId}`).join('\n');
    for (const [id, name] of names) out = out.replaceAll(id, name);
    console.log(time, out);
    break;
  }
  await Promise.all(lines.map((l) => l.close()));
  direct.disconnect();
  await server.stop();
});
