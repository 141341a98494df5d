import { join } from 'node:path';
import { MAX_CONFIG_BYTES, readWholeFile, type Checkpoint } from '@blockpruner/checkpoint';

declare global {
  interface JSON {
    /** A value that is stringified as this text of JSON. */
    rawJSON(text: string): unknown;
  }
}

/** The fields of a config.json; numbers are kept as they were written, see `float`. */
export type ConfigFields = Record<string, unknown>;

/** Reads config.json of the folder that a model was opened from, which the reader has checked. */
export async function readConfigFields({ folder }: Pick<Checkpoint, 'folder'>): Promise<ConfigFields> {
  const text = (await readWholeFile(join(folder, 'config.json'), MAX_CONFIG_BYTES)).toString();
  return JSON.parse(text, (_key, value: unknown, context?: { source: string }) =>
    typeof value === 'number' ? JSON.rawJSON(context!.source) : value,
  ) as ConfigFields;
}

/** A number that is one with a decimal point in Python too: its readers tell 4.0 from 4. */
export function float(value: number): unknown {
  return JSON.rawJSON(Number.isInteger(value) ? value.toFixed(1) : String(value));
}

/** The text of config.json, indented as transformers writes it. */
export function configText(fields: ConfigFields): string {
  return `${JSON.stringify(fields, null, 2)}\n`;
}
