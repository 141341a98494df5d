/**
 * Calibration sets: a text or token-id arrays become rows of token ids in seeded order, with a content hash.
 * The tokenizer is the model's own tokenizer.json.
 */
export { CalibrationError } from './calibration-error.ts';
export type { CalibrationErrorCode } from './calibration-error.ts';
export { loadCalibration } from './load-calibration.ts';
export type { CalibrationOptions, CalibrationSet } from './load-calibration.ts';
