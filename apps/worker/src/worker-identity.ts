import { hostname } from 'node:os';

/** What the log lines of a worker carry, so that those of many can be told apart. */
export interface WorkerIdentity {
  /** As the coordinator knows it: `host:pid`. */
  readonly worker: string;
  /** The run that is served; undefined while there is none. */
  run: string | undefined;
}

export function ownIdentity(): WorkerIdentity {
  return { worker: `${hostname()}:${process.pid}`, run: undefined };
}
