import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { integerField, LIMITS, objectField, readConfigFile, stringField } from '@blockpruner/checkpoint';

const CONFIG_FILE = 'genai_config.json';
/** A name, and no path out of the folder. */
const FILE_NAME = /^[\w.-]{1,200}$/;

/** What is to be done about a graph that cannot be run. */
export const EXPORT_AGAIN = 'export the model again with --to onnx';

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
  try {
    const fields = await readConfigFile(path);
    if (fields === null) throw new Error(`${path}: does not exist`);
    const model = objectField(fields, 'model') ?? { file: `${path}: model`, values: {} };
    const decoder = objectField(model, 'decoder') ?? { file: `${model.file}: decoder`, values: {} };
    const file = stringField(decoder, 'filename');
    if (!FILE_NAME.test(file)) {
      throw new Error(
        `${decoder.file}: filename is ${JSON.stringify(file).slice(0, 60)}: expected the name of a file beside it`,
      );
    }
    return { file, contextTokens: integerField(model, 'context_length', LIMITS.positions) };
  } catch (error) {
    throw new Error(`${(error as Error).message}; ${EXPORT_AGAIN}`, { cause: error });
  }
}
