import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const CONFIG_FILE = 'genai_config.json';
const LONGEST_CONFIG_BYTES = 2 ** 20;
const MOST_TOKENS = 2 ** 27;
/** A name, and no path out of the folder. */
const FILE_NAME = /^[\w.-]{1,200}$/;

/** What genai_config.json says of a graph. */
export interface RuntimeConfig {
  /** Name of the graph in the folder. */
  readonly file: string;
  readonly contextTokens: number;
}

/** Whether a path is a folder whose graph brings its own weights: there is none that the graph could be built of. */
export async function holdsOwnGraph(path: string): Promise<boolean> {
  const names = await readdir(path).catch((): string[] => []);
  return names.includes(CONFIG_FILE) && !names.some((name) => name.endsWith('.safetensors'));
}

/**
 * Reads the part of an exported folder's genai_config.json that running its graph takes.
 * @throws Error naming the file and what is wrong with it
 */
export async function readRuntimeConfig(folder: string): Promise<RuntimeConfig> {
  const path = join(folder, CONFIG_FILE);
  const fail = (reason: string): never => {
    throw new Error(`${path}: ${reason}; export the model again with --to onnx`);
  };
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) =>
    fail(error.code === 'ENOENT' ? 'does not exist' : error.message),
  );
  if (text.length > LONGEST_CONFIG_BYTES) fail(`has more than ${LONGEST_CONFIG_BYTES} characters`);
  const model = parsed(text)?.model;
  const { context_length: contextTokens, decoder } = record(model);
  const { filename: file } = record(decoder);
  if (typeof file !== 'string' || !FILE_NAME.test(file))
    return fail('names no file as model.decoder.filename');
  if (typeof contextTokens !== 'number' || !(contextTokens >= 1 && contextTokens <= MOST_TOKENS)) {
    return fail(`model.context_length is no number from 1 to ${MOST_TOKENS}`);
  }
  return { file, contextTokens };
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    return record(JSON.parse(text));
  } catch {
    return null;
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
