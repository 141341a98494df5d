import type { FleetEvent } from '@blockpruner/fleet';
import { cellKey, type CellId } from '@blockpruner/perplexity';
import type { Logger } from '@blockpruner/telemetry';

type NameOf = (workerId: string) => string;

/** Fields that are logged under another name, or in another form: as the lines of the worker itself have them. */
const LOGGED: Readonly<Record<string, (value: never, nameOf: NameOf) => [name: string, value: unknown]>> = {
  taskId: (id: string | null) => ['task', id],
  workerId: (id: string, nameOf) => ['worker', nameOf(id)],
  fromWorkerId: (id: string, nameOf) => ['fromWorker', nameOf(id)],
  workerIds: (ids: readonly string[], nameOf) => ['workers', ids.map(nameOf)],
  cell: (cell: CellId) => ['cell', cellKey(cell)],
};

/** Writes what the fleet did into the log, workers by name. */
export function logFleetEvent(logger: Logger, event: FleetEvent, nameOf: NameOf): void {
  const text = event.kind.replaceAll('-', ' ');
  const fields = Object.fromEntries(
    Object.entries(event)
      .filter(([name]) => name !== 'kind')
      .map(([name, value]) => LOGGED[name]?.(value as never, nameOf) ?? [name, value as unknown]),
  );
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
