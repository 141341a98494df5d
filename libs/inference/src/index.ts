/**
 * `Evaluator` on onnxruntime-node: the sweep with shared prefixes, the slow oracle beside it, and the process
 * they run in. And the decoder, which generates text, and one model run for whatever it is asked for.
 */
export { DecoderSession } from './decoder-session.ts';
export { DeviceError } from './device-error.ts';
export { executionProviders } from './devices.ts';
export { resolveDtype } from './dtype.ts';
export type { Dtype } from './dtype.ts';
export { endWithParent } from './end-with-parent.ts';
export { gpuInfo } from './gpu-info.ts';
export { tryGpu } from './gpu-trial.ts';
export { measureMatmulPeak } from './matmul-peak.ts';
export type { MatmulOptions } from './matmul-peak.ts';
export { ModelRunner } from './model-runner.ts';
export { engineVersion, numericClass } from './numeric-class.ts';
export { oomKills } from './oom-kills.ts';
export { OracleEvaluator } from './oracle-evaluator.ts';
export type { EvaluateRequest, LoadedModel, LoadRequest, TaskFailure } from './session-message.ts';
export { SessionProcess } from './session-process.ts';
export type { SessionHandlers } from './session-process.ts';
export { StagedEvaluator } from './staged-evaluator.ts';
export { StreamMeter } from './stream-meter.ts';
export { SweepEvaluator } from './sweep-evaluator.ts';
export { failureOf } from './task-failure.ts';
