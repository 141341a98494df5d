import path from 'node:path';

const CACHE = path.join(import.meta.dirname, '../../../.cache');

/** Where the real model of the tests lies once it has been fetched: SmolLM2-135M-Instruct in Q4_1. */
export const SMOLLM2_GGUF = path.join(CACHE, 'models/SmolLM2-135M-Instruct.Q4_1.gguf');

/** Folder for what tests decode from checkpoints; it may be kept between runs. */
export const CHECKPOINT_CACHE = path.join(CACHE, 'checkpoints');
