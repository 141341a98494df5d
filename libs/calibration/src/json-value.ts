import { CalibrationError, quoteCause } from './calibration-error.ts';
import { MAX_RECORD_DEPTH } from './limits.ts';

/**
 * Parses one record: a string, an array or an object. `where` names the file and the place in it.
 * @throws CalibrationError for anything else, one nested too deeply, or one with half of a surrogate pair in a string
 */
export function parseJsonRecord(text: string, where: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CalibrationError('format', `${where}: not valid JSON: ${quoteCause(error)}`, { cause: error });
  }
  if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) {
    const kind = value === null ? 'null' : `a ${typeof value}`;
    throw new CalibrationError('format', `${where} is ${kind}: a record is a string, an array or an object`);
  }
  checkValue(value, where, 0);
  return value;
}

function checkValue(value: unknown, where: string, depth: number): void {
  if (typeof value === 'string') checkText(value, where);
  else if (typeof value === 'object' && value !== null) {
    if (depth >= MAX_RECORD_DEPTH) throw depthError(where);
    if (Array.isArray(value)) {
      for (const item of value as unknown[]) checkValue(item, where, depth + 1);
    } else {
      for (const [key, item] of Object.entries(value)) {
        checkText(key, where);
        checkValue(item, where, depth + 1);
      }
    }
  }
}

function checkText(text: string, where: string): void {
  if (text.isWellFormed()) return;
  throw new CalibrationError(
    'format',
    `${where}: the string ${JSON.stringify(text.slice(0, 40))} holds half of a surrogate pair; write the character itself`,
  );
}

export function depthError(where: string): CalibrationError {
  return new CalibrationError(
    'limit',
    `${where}: arrays and objects within each other more than ${MAX_RECORD_DEPTH} deep; flatten it`,
  );
}
