import { CheckpointError } from './checkpoint-error.ts';
import type { Rope, RopeScaling } from './checkpoint.ts';
import { integerField, numberField, objectField, stringField, type Fields } from './field.ts';
import { LIMITS } from './limits.ts';

const DEFAULT_THETA = 10000;

function readScaling(fields: Fields, kind: string): RopeScaling {
  switch (kind) {
    case 'default':
      return { kind: 'none' };
    case 'linear':
      return { kind, factor: numberField(fields, 'factor', LIMITS.ropeFactor) };
    case 'llama3': {
      const lowFreqFactor = numberField(fields, 'low_freq_factor', LIMITS.ropeFactor);
      const highFreqFactor = numberField(fields, 'high_freq_factor', LIMITS.ropeFactor);
      if (highFreqFactor <= lowFreqFactor) {
        throw new CheckpointError(
          'malformed',
          `${fields.file}: high_freq_factor is ${highFreqFactor}: expected more than low_freq_factor, ${lowFreqFactor}`,
        );
      }
      return {
        kind,
        factor: numberField(fields, 'factor', LIMITS.ropeFactor),
        lowFreqFactor,
        highFreqFactor,
        originalMaxTokens: integerField(fields, 'original_max_position_embeddings', LIMITS.positions),
      };
    }
    default:
      throw new CheckpointError(
        'unsupported',
        `${fields.file}: rope type "${kind}" is not supported: only default, linear and llama3 are`,
      );
  }
}

/**
 * Reads the rotary embedding from either style of config.json: `rope_parameters` (newer), or `rope_theta` with
 * an optional `rope_scaling` (older, and first where both are there, as in transformers).
 * @throws CheckpointError on a rope type that is not known
 */
export function readRope(config: Fields): Rope {
  const given = objectField(config, 'rope_scaling') ?? objectField(config, 'rope_parameters');
  const topTheta = numberField(config, 'rope_theta', LIMITS.ropeTheta, DEFAULT_THETA);
  for (const fields of given ? [config, given] : [config]) {
    const fraction = numberField(fields, 'partial_rotary_factor', { min: 0, max: 1 }, 1);
    if (fraction !== 1) {
      throw new CheckpointError(
        'unsupported',
        `${fields.file}: partial_rotary_factor ${fraction} is not supported: only 1 is`,
      );
    }
  }
  if (given === null) return { theta: topTheta, scaling: { kind: 'none' } };
  const nested = Object.keys(given.values).find(
    (key) => typeof given.values[key] === 'object' && given.values[key] !== null,
  );
  if (nested !== undefined) {
    throw new CheckpointError(
      'unsupported',
      `${given.file}: "${nested}" has parameters of its own: one rope for all layers is supported`,
    );
  }
  const kind = stringField(given, 'rope_type', stringField(given, 'type', 'default'));
  return {
    theta: numberField(given, 'rope_theta', LIMITS.ropeTheta, topTheta),
    scaling: readScaling(given, kind),
  };
}
