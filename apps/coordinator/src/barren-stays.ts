/** Stays without a cell, within so long, after which a worker gets no task for the rest of that time. */
const TOO_MANY = 3;
const WITHIN_MS = 10 * 60_000;
/** Losses that follow each other faster are of one cause, such as a network that went down for a whole machine. */
const ONE_CAUSE_MS = 5000;

/** A worker's time between joining and leaving. */
interface Stay {
  readonly place: string;
  hadTask: boolean;
}

interface Loss {
  readonly workerId: string;
  readonly atMs: number;
}

/**
 * Workers that take tasks and are lost before they have delivered a cell, again and again. Each such stay costs others
 * the time to compute the task anew, so a worker that does this gets none for a while: it stays connected and may prove
 * that it can.
 *
 * Invariants:
 * 1. A place is a host and a device. A worker answers for its own losses; one that is new at its place for those of
 *    the processes before it, each counted once: they were started again and again.
 * 2. A delivered cell clears its place.
 */
export class BarrenStays {
  private readonly stays = new Map<string, Stay>();
  private readonly losses = new Map<string, readonly Loss[]>();

  /** @param name of the worker, `host:pid` */
  begin(workerId: string, name: string, device: string): void {
    this.stays.set(workerId, { place: `${name.replace(/:\d+$/, '')} ${device}`, hadTask: false });
  }

  tookTask(workerId: string): void {
    const stay = this.stays.get(workerId);
    if (stay) stay.hadTask = true;
  }

  delivered(workerId: string): void {
    const stay = this.stays.get(workerId);
    if (!stay) return;
    stay.hadTask = false;
    this.losses.delete(stay.place); // (2)
  }

  end(workerId: string, isLost: boolean, nowMs: number): void {
    const stay = this.stays.get(workerId);
    this.stays.delete(workerId);
    if (!stay || !isLost || !stay.hadTask) return;
    const losses = this.recent(stay.place, nowMs);
    const last = losses.at(-1);
    if (last === undefined || nowMs - last.atMs > ONE_CAUSE_MS)
      this.losses.set(stay.place, [...losses, { workerId, atMs: nowMs }]);
  }

  /** How long the worker is not to be given a task yet. */
  waitMs(workerId: string, nowMs: number): number {
    const place = this.stays.get(workerId)?.place;
    const losses = place === undefined ? [] : this.recent(place, nowMs);
    const own = losses.filter((loss) => loss.workerId === workerId).map(({ atMs }) => atMs);
    const ofEach = [...new Map(losses.map((loss) => [loss.workerId, loss.atMs])).values()]; // (1)
    const counted = own.length > 0 ? own : ofEach;
    return counted.length < TOO_MANY ? 0 : counted[counted.length - TOO_MANY] + WITHIN_MS - nowMs;
  }

  private recent(place: string, nowMs: number): readonly Loss[] {
    return (this.losses.get(place) ?? []).filter(({ atMs }) => nowMs - atMs < WITHIN_MS);
  }
}
