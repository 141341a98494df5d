/**
 * Cells (window sums of one mask, candidate and row), how they merge into scores, and the `Evaluator`
 * that computes them. Pure.
 */
export { cellKey, sameCellValue } from './cell.ts';
export type { Cell, CellId } from './cell.ts';
export { CellError, CellTable } from './cell-table.ts';
export type { Evaluator, IndexedRow } from './evaluator.ts';
export { marginNoise } from './margin-noise.ts';
export type { NoiseSample } from './margin-noise.ts';
export { oneSet, rowWeights, weighSets } from './row-set.ts';
export type { RowSet } from './row-set.ts';
export { meanDifference } from './mean-difference.ts';
export type { MeanDifference, SamplePlan } from './mean-difference.ts';
export { orderRows } from './row-order.ts';
export type { OrderedRow } from './row-order.ts';
export { differenceOf, meanOf, scaleWindows } from './row-windows.ts';
export type { RowWindows } from './row-windows.ts';
export { perplexityOf, scoreOf, setScores } from './score.ts';
export type { Score } from './score.ts';
export { seededHash, seededOrder } from './seeded-order.ts';
export { rowMeanNats, targetCount, WINDOW_TARGETS, windowCount, windowSums } from './window.ts';
