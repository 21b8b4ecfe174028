/** Memory of one call: what the worker's heap and buffers hold beyond their state without calls. */
import { figure, type Row } from '../frame.js';
import { CallerAudio } from './caller-audio.js';
import { Host } from './host-control.js';
import { Pacer } from './pacer.js';
import { askForStory } from './stories.js';
import { TestCall } from './test-call.js';

export interface HeapOptions {
  readonly calls: number;
  readonly say: (line: string) => void;
}

const KIB = 1024;
const SETTLE_MS = 4_000;
const OPENED_AT_ONCE = 20;
const QUIET = new Float32Array(16_000);

export async function heapPerCall({ calls, say }: HeapOptions): Promise<Row[]> {
  const host = await Host.start();
  try {
    const pacer = new Pacer();
    const round = async (): Promise<{ heap: number; buffers: number }> => {
      const without = await host.ask({ kind: 'figures', collect: true });
      const open: TestCall[] = [];
      for (let at = 0; at < calls; at += OPENED_AT_ONCE) {
        const some = Array.from({ length: Math.min(OPENED_AT_ONCE, calls - at) }, (_, index) =>
          TestCall.open(`heap-${at + index}`, new CallerAudio(QUIET, 30, 0), host, pacer),
        );
        open.push(...(await Promise.all(some)));
      }
      for (const [index, call] of open.entries()) call.words(askForStory(100_000, index), true);
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      const talking = await host.ask({ kind: 'figures', collect: true });
      await Promise.all(open.map((call) => call.close()));
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      return {
        heap: (talking.heapBytes - without.heapBytes) / calls / KIB,
        buffers: (talking.bufferBytes - without.bufferBytes) / calls / KIB,
      };
    };
    // The first one pays for what is made once.
    await round();
    const { heap, buffers } = await round();
    say(`heap: ${heap.toFixed(1)} KiB a call, and ${buffers.toFixed(1)} KiB of buffers`);
    return [
      figure('heap_per_call_kb', 'KiB', heap),
      figure('buffers_per_call_kb', 'KiB', buffers),
      figure('heap_calls', 'calls', calls),
    ];
  } finally {
    await host.stop();
  }
}
