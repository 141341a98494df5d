import { join } from 'node:path';
import type { Checkpoint } from '@blockpruner/checkpoint';
import type { RunFolder, RunFolderOptions } from '@blockpruner/journal';
import type { SearchProblem } from '@blockpruner/search';
import type { Console } from './console.ts';
import type { CellHandlers, FleetNote } from './fleet-hooks.ts';
import { Interrupted, onInterrupt } from './interrupt.ts';
import type { Monitoring } from './monitoring.ts';
import { resultReport } from './result-report.ts';
import { RunningFleet } from './running-fleet.ts';
import { cellSink } from './run-cells.ts';
import { runSearch } from './search-run.ts';
import type { ShapePlans } from './shape-plans.ts';
import { shortPath } from './short-path.ts';
import { NoWorkers, RunError } from './usage-error.ts';
import type { WorkerPlan } from './worker-plan.ts';

export interface RunSession {
  readonly console: Console;
  readonly monitoring: Monitoring;
  readonly runId: string;
  /** Names the model, for people. */
  readonly modelName: string;
  readonly checkpoint: Checkpoint;
  readonly problem: SearchProblem;
  readonly plan: WorkerPlan;
  readonly cacheFolder: string;
  readonly json: boolean;
  readonly rows: readonly Int32Array[];
  /** The class of the cells that a resumed run already has. */
  readonly numericClass?: string;
  /** Plans of numeric classes that a resumed run has fixed. */
  readonly shapePlans?: ShapePlans;
  /** Makes or takes the run folder, once the port is ours. */
  openFolder(options: RunFolderOptions): Promise<RunFolder>;
}

/** Carries a run out, from an open port to a printed result, and leaves no process and no claim behind. */
export async function carryOut(session: RunSession): Promise<void> {
  const { console, problem, json, monitoring } = session;
  const { logger, logFields } = console;
  const { metrics, readiness } = monitoring;
  let handlers: CellHandlers = { onCells: () => undefined, onCorrected: () => undefined };
  let onNote: (note: FleetNote) => void = () => undefined;
  const fleet = await RunningFleet.listen({
    ...session,
    ...console,
    metrics,
    onCells: (cells, source) => handlers.onCells(cells, source),
    onCorrected: (cells, source) => handlers.onCorrected(cells, source),
    onNote: (note) => onNote(note),
  });
  const interrupt = new AbortController();
  const restoreSignals = onInterrupt((reason) => {
    readiness.notReady(reason.message);
    interrupt.abort(reason);
    fleet.driver.fail(reason);
  });
  let folder: RunFolder | undefined;
  let finished = false;
  let interrupted: Interrupted | undefined;
  try {
    readiness.notReady('making or taking the run folder');
    folder = await session.openFolder({
      onWait: (message) => logger.warn(message),
      signal: interrupt.signal,
      onSynced: (seconds) => metrics.synced(seconds),
    });
    logFields.run = folder.runId;
    console.attachLogFile(join(folder.path, 'log.jsonl'));
    logger.info({ folder: folder.path }, 'run folder ready');
    metrics.started(
      { run: folder.runId, model: session.modelName, search: folder.config.search },
      folder.state.notes.filter(({ kind }) => kind === 'resumed').length,
    );
    const sink = cellSink(folder);
    handlers = sink;
    onNote = (note) => folder?.appendEvent(note);
    fleet.start();
    readiness.ready();
    const result = await runSearch({ problem, folder, fleet, logger, logFields, metrics, ...sink });
    finished = true;
    readiness.notReady('the run has finished');
    await fleet.stop(true);
    console.print(resultReport(result, folder.path, json));
  } catch (error) {
    if (error instanceof Interrupted) interrupted = error;
    if (error instanceof NoWorkers && folder) {
      folder.appendEvent({ kind: 'interrupted', reason: error.message });
      const listen = session.plan.remote ? ` --listen ${fleet.listening}` : '';
      throw new RunError(
        `${error.message}; then go on with: blockpruner resume ${shortPath(folder.path)}${listen}`,
        { cause: error },
      );
    }
    throw error;
  } finally {
    restoreSignals();
    if (!finished) await fleet.stop(false);
    if (interrupted && folder) sayWhatIsKept(folder, interrupted, console);
    else if (interrupted)
      logger.warn(`${interrupted.message}, before the run folder was ours: nothing is changed`);
    await folder?.release();
  }
}

function sayWhatIsKept(folder: RunFolder, reason: Interrupted, { logger }: Console): void {
  folder.appendEvent({ kind: 'interrupted', reason: reason.message });
  const kept = folder.state.decisions.length;
  logger.warn(
    { decisions: kept, folder: folder.path },
    `${reason.message}; ${kept} decision${kept === 1 ? '' : 's'} and every finished score are kept; go on with: blockpruner resume ${shortPath(folder.path)}`,
  );
}
