import { rowSetsOf, type RunFolder } from '@blockpruner/journal';
import { CellTable } from '@blockpruner/perplexity';
import type { CellHandlers } from './fleet-hooks.ts';

/** The cells of a run, and where those of the decision in hand come from. */
export interface RunCells {
  /** In the dtype of the run. */
  readonly cells: CellTable;
  /** Cells that were asked for in fp32. They are not kept: a resumed run computes again what it needs of them. */
  readonly cellsInFp32: CellTable;
  /** Names of the workers whose cells arrived since it was last emptied. */
  readonly contributors: Set<string>;
  /** Numeric classes of the workers whose fp32 cells arrived since it was last emptied. */
  readonly classesInFp32: Set<string>;
}

/** The cells of a run, fed by the fleet: each new cell in the dtype of the run goes to disk before it is counted on. */
export function cellSink(folder: RunFolder): RunCells & Pick<CellHandlers, 'onCells' | 'onCorrected'> {
  const { rowTokens } = folder.config;
  const sets = rowSetsOf(folder.config);
  const run: RunCells = {
    cells: new CellTable(rowTokens, sets),
    cellsInFp32: new CellTable(rowTokens, sets),
    contributors: new Set(),
    classesInFp32: new Set(),
  };
  for (const cell of folder.state.cells) run.cells.add(cell);
  return {
    ...run,
    onCells: (arrived, { workerName, numericClass, inFp32 }) => {
      if (inFp32) run.classesInFp32.add(numericClass);
      else folder.appendCells(arrived, numericClass);
      for (const cell of arrived) (inFp32 ? run.cellsInFp32 : run.cells).add(cell);
      run.contributors.add(workerName);
    },
    onCorrected: (corrected, { numericClass }) => {
      folder.appendCells(corrected, numericClass, true);
      for (const cell of corrected) run.cells.replace(cell);
    },
  };
}
