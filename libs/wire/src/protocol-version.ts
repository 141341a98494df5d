import { MAX_PROTOCOL } from './limits.ts';
import { reject, whole } from './validate.ts';
import { WireError } from './wire-error.ts';

/** The one protocol version this software speaks. */
export const PROTOCOL_VERSION = 1;

const version = whole(1, MAX_PROTOCOL);

/**
 * Checks the range of a hello. It is read before any other field, since another version may mean something
 * else by them.
 * @throws WireError `protocol` when the range leaves our version out
 */
export function checkOfferedProtocols(
  min: unknown,
  max: unknown,
): { protocolMin: number; protocolMax: number } {
  const protocolMin = version(min, 'hello.protocolMin');
  const protocolMax = version(max, 'hello.protocolMax');
  if (protocolMax < protocolMin)
    reject('hello.protocolMax', protocolMax, `must be at least protocolMin, ${protocolMin}`);
  if (PROTOCOL_VERSION < protocolMin || PROTOCOL_VERSION > protocolMax) {
    const range = protocolMin === protocolMax ? `${protocolMin}` : `${protocolMin} to ${protocolMax}`;
    throw new WireError(
      'protocol',
      `worker speaks protocol ${range}, this coordinator speaks ${PROTOCOL_VERSION}: install the same blockpruner version on both`,
    );
  }
  return { protocolMin, protocolMax };
}

/**
 * Checks the version that a welcome settles on, before any other field.
 * @throws WireError `protocol` when it is not ours
 */
export function checkChosenProtocol(value: unknown): number {
  const protocol = version(value, 'welcome.protocol');
  if (protocol !== PROTOCOL_VERSION) {
    throw new WireError(
      'protocol',
      `coordinator speaks protocol ${protocol}, this worker speaks ${PROTOCOL_VERSION}: install the same blockpruner version on both`,
    );
  }
  return protocol;
}
