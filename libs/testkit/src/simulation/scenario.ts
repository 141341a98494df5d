import type { ModelShape } from '@blockpruner/blocks';
import type { FleetCounters, FleetError } from '@blockpruner/fleet';
import type { Decision, SearchError, SearchMethod } from '@blockpruner/search';
import type { NetworkModel } from './simulated-link.ts';

/** What befalls a worker, once. */
export type Misfortune =
  /** The process dies, and the connection with it. */
  | 'killed'
  /** It says nothing more, but the connection stays open. */
  | 'frozen'
  /** It stands still for a while. */
  | 'paused'
  /** It is told to go. */
  | 'drained'
  /** The connection breaks; the worker dials again. */
  | 'cut off';

/** A worker of a scenario. */
export interface WorkerModel {
  /** FLOPs of the cost model per millisecond. */
  readonly speed: number;
  readonly joinsMs: number;
  /** What its hello says of its speed, FLOP/s; 0: nothing. */
  readonly peakFlopsPerSecond: number;
  readonly misfortune: { readonly kind: Misfortune; readonly atMs: number } | null;
  /** Share of its cells that are wrong. */
  readonly lies: number;
}

/** A search to play, and all that happens to it. */
export interface Scenario {
  readonly seed: number;
  readonly shape: ModelShape;
  readonly rowTokens: readonly number[];
  /** Blocks that the search removes. */
  readonly remove: number;
  readonly method: SearchMethod;
  readonly workers: readonly WorkerModel[];
  readonly network: NetworkModel;
  /** After a misfortune another worker comes in its place after so long; null: none does. */
  readonly replacedMs: number | null;
  /** When the coordinator is killed and starts again with what it had on its disk. */
  readonly restartsMs: readonly number[];
  readonly poison: string | null;
  readonly overheadMs: number;
  readonly reportMs: number;
  readonly heartbeatMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly leaseMs: number;
  readonly checkedShare: number;
  readonly confirmedRows: number;
  /** Whether workers that would wait begin with the next iteration before this one is decided. */
  readonly runsAhead: boolean;
  readonly limitMs: number;
}

/** What became of a search. */
export interface Outcome {
  readonly decisions: readonly Decision[];
  /** Why it ended without all decisions; null where it has them. */
  readonly error: FleetError | SearchError | null;
  readonly isOver: boolean;
  readonly endMs: number;
  /** When each decision was made. */
  readonly decidedMs: readonly number[];
  /** Time that workers spent computing, and time that they were ready to, each times their speed: FLOPs. */
  readonly computedFlops: number;
  readonly readyFlops: number;
  /** Cells accepted more than once: there must be none. */
  readonly twice: readonly string[];
  /** Ids of workers that were found to lie. */
  readonly convicted: readonly string[];
  /** Ids of workers that lied in a cell. */
  readonly liars: readonly string[];
  /** Wrong cells that a decision was made of: those that nobody else computed, and those of which two agreed. */
  readonly liesAlone: number;
  readonly liesConfirmed: number;
  readonly counters: FleetCounters;
}
