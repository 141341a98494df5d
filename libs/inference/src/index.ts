/**
 * `Evaluator` on onnxruntime-node: the sweep with shared prefixes, the slow oracle beside it, and the process
 * they run in.
 */
export { executionProviders } from './devices.ts';
export { engineVersion, numericClass } from './numeric-class.ts';
export { OracleEvaluator } from './oracle-evaluator.ts';
export type { EvaluateRequest, LoadRequest } from './session-message.ts';
export { SessionProcess } from './session-process.ts';
export type { SessionHandlers } from './session-process.ts';
export { SweepEvaluator } from './sweep-evaluator.ts';
