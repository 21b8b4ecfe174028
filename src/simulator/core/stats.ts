/** Counters of a simulator since its start; they only grow. */
export class Stats {
  readonly startedAt = Date.now();
  callsPlaced = 0;
  callsEnded = 0;
  readonly outcomes: Record<string, number> = {};
  readonly requests: Record<string, number> = {};
  readonly answers: Record<string, number> = {};
  unauthorized = 0;
  repeated = 0;
  backgroundErrors = 0;
  lastBackgroundError: string | undefined;

  outcome(name: string): void {
    this.callsEnded += 1;
    this.outcomes[name] = (this.outcomes[name] ?? 0) + 1;
  }

  request(operation: string, status: number): void {
    this.requests[operation] = (this.requests[operation] ?? 0) + 1;
    this.answers[status] = (this.answers[status] ?? 0) + 1;
  }
}
