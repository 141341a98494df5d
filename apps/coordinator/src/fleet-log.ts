import type { FleetEvent } from '@blockpruner/fleet';
import { cellKey } from '@blockpruner/perplexity';
import type { Logger } from '@blockpruner/telemetry';

/** Writes what the fleet did into the log, workers by name. */
export function logFleetEvent(logger: Logger, event: FleetEvent, nameOf: (workerId: string) => string): void {
  const { kind, ...rest } = event;
  const text = kind.replaceAll('-', ' ');
  const fields = {
    ...rest,
    ...('workerId' in event && { worker: nameOf(event.workerId) }),
    ...('fromWorkerId' in event && { fromWorker: nameOf(event.fromWorkerId) }),
    ...('cell' in event && { cell: cellKey(event.cell) }),
  };
  switch (event.kind) {
    case 'worker-convicted':
    case 'cells-differ':
      return logger.error(fields, event.reason);
    case 'worker-left':
    case 'lease-expired':
    case 'task-failed':
    case 'task-reissued':
    case 'protocol-fault':
    case 'cell-condemned':
      return logger.warn(fields, text);
    case 'worker-ready':
    case 'worker-draining':
      return logger.info(fields, text);
    case 'worker-joined':
    case 'worker-refused':
      return; // logged with more where it happens
    case 'work-shared':
    case 'work-stolen':
    case 'task-recalled':
    case 'task-copied':
    case 'checks-dropped':
    case 'task-done':
      return logger.debug(fields, text);
  }
}
