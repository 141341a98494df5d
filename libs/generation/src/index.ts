/**
 * What generating text takes beside a model: the choice of the next token, text from tokens as they come, and the
 * messages of the process that holds the model. Pure.
 */
export { IncrementalText } from './incremental-text.ts';
export type {
  BlockFactor,
  GenerateRequest,
  Generation,
  HealRequest,
  HealResult,
  LoadedModel,
  LoadProgress,
  LoadRequest,
  Measurement,
  MeasureRequest,
  ModelAsk,
  ModelReply,
  ModelTasks,
  RowScores,
  ScoreRequest,
} from './model-task.ts';
export { nextToken } from './sampling.ts';
export type { Sampling } from './sampling.ts';
