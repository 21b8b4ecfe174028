/**
 * The end of a call's record: transcript complete, summary (the tombstone that says it ended), profile, affinity.
 * Each step may run twice; a step that fails leaves the call open, and the reminder comes back to it.
 */
import type { CallServices } from './call-services.js';
import type { CallSummary } from './ports.js';

/** true: all done. false: something failed, try again later. */
export async function closeCall(
  callId: string,
  summary: CallSummary,
  mediaWorker: string,
  services: Pick<CallServices, 'closing' | 'affinity' | 'metrics'>,
): Promise<boolean> {
  try {
    const transcript = await services.closing.completeTranscript(summary);
    await services.closing.updateProfile(summary);
    if (mediaWorker !== '') await services.affinity.release(mediaWorker, callId);
    // Last, since it says that everything before it is done.
    await services.closing.writeSummary({ ...summary, transcript });
    return true;
  } catch {
    services.metrics.rule('closing_postponed');
    return false;
  }
}
