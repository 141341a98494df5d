/**
 * Calibration sets: files of texts, records, chats or token ids become rows of token ids in seeded order, with a
 * content hash. The tokenizer and the chat template are the model's own.
 */
export { CalibrationError } from './calibration-error.ts';
export { ChatRenderer } from './chat-renderer.ts';
export { contentHash } from './content-hash.ts';
export { findSources } from './find-sources.ts';
export { inspectCalibration } from './inspect-calibration.ts';
export type { CalibrationReport } from './inspect-calibration.ts';
export { loadCalibration } from './load-calibration.ts';
export type { CalibrationSet } from './load-calibration.ts';
export { loadTokenizer } from './tokenizer.ts';
export type { TextTokenizer } from './tokenizer.ts';
