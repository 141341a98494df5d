import type { VirtualTime } from './virtual-time.ts';

/** What a network does to messages. */
export interface NetworkModel {
  /** One way. */
  readonly latencyMs: number;
  /** Added to the latency, up to so much. */
  readonly jitterMs: number;
  /** Share of the messages that never arrive. */
  readonly lost: number;
  /** Share that arrives twice. */
  readonly duplicated: number;
  /** Whether messages may overtake each other; else they arrive in the order in which they were sent. */
  readonly reorders: boolean;
}

/** One direction of a connection, until it is cut. */
export class SimulatedLink<Message> {
  private readonly time: VirtualTime;
  private readonly network: NetworkModel;
  private readonly random: () => number;
  private readonly receive: (message: Message) => void;
  private lastMs = 0;
  private isCut = false;

  constructor(
    time: VirtualTime,
    network: NetworkModel,
    random: () => number,
    receive: (message: Message) => void,
  ) {
    this.time = time;
    this.network = network;
    this.random = random;
    this.receive = receive;
  }

  send(message: Message): void {
    const { lost, duplicated } = this.network;
    if (lost > 0 && this.random() < lost) return;
    this.deliver(message);
    if (duplicated > 0 && this.random() < duplicated) this.deliver(message);
  }

  /** What is on its way is lost, and nothing is sent any more. */
  cut(): void {
    this.isCut = true;
  }

  private deliver(message: Message): void {
    const { latencyMs, jitterMs, reorders } = this.network;
    const { nowMs } = this.time;
    let atMs = nowMs + latencyMs + (jitterMs > 0 ? this.random() * jitterMs : 0);
    if (!reorders) this.lastMs = atMs = Math.max(atMs, this.lastMs);
    this.time.after(atMs - nowMs, () => {
      if (!this.isCut) this.receive(message);
    });
  }
}
