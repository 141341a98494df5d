import type { WorkerConnection } from '@blockpruner/wire';

/** What is known of a worker beyond what the fleet needs, also after it has gone. */
interface Peer {
  readonly name: string;
  readonly numericClass: string;
  /** Measured on its device; 0 where it has measured nothing. */
  peakFlopsPerSecond: number;
}

/**
 * The workers behind the connections.
 *
 * Invariants:
 * 1. A worker has one connection at most, and a connection one worker.
 */
export class Peers {
  private readonly connections = new Map<string, WorkerConnection>();
  private readonly workerIds = new Map<WorkerConnection, string>();
  private readonly byId = new Map<string, Peer>();

  add(workerId: string, connection: WorkerConnection, name: string, numericClass: string): void {
    this.connections.set(workerId, connection);
    this.workerIds.set(connection, workerId);
    this.byId.set(workerId, { name, numericClass, peakFlopsPerSecond: 0 });
  }

  /** @returns the id of the worker whose connection it was, if it still was one's */
  remove(connection: WorkerConnection): string | undefined {
    const workerId = this.workerIds.get(connection);
    if (workerId === undefined) return undefined;
    this.workerIds.delete(connection);
    this.connections.delete(workerId);
    return workerId;
  }

  get count(): number {
    return this.connections.size;
  }

  all(): Iterable<WorkerConnection> {
    return this.connections.values();
  }

  connectionOf(workerId: string): WorkerConnection | undefined {
    return this.connections.get(workerId);
  }

  idOf(connection: WorkerConnection): string | undefined {
    return this.workerIds.get(connection);
  }

  nameOf(workerId: string): string {
    return this.byId.get(workerId)?.name ?? workerId;
  }

  classOf(workerId: string): string {
    return this.byId.get(workerId)?.numericClass ?? '';
  }

  measured(workerId: string, peakFlopsPerSecond: number): void {
    const peer = this.byId.get(workerId);
    if (peer) peer.peakFlopsPerSecond = peakFlopsPerSecond;
  }

  /** FLOP/s. */
  peakOf(workerId: string): number {
    return this.byId.get(workerId)?.peakFlopsPerSecond ?? 0;
  }

  /** FLOP/s of each of these workers, by name. */
  peaksOf(names: Iterable<string>): number[] {
    const byName = new Map(Array.from(this.byId.values(), (peer) => [peer.name, peer.peakFlopsPerSecond]));
    return Array.from(names, (name) => byName.get(name) ?? 0);
  }
}
