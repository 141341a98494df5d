import { MAX_NAME_BYTES } from './limits.ts';

/**
 * Whether a name out of a manifest may become a file's name: one component of a path, not hidden, nothing that leads
 * elsewhere on any system. A manifest comes over the network, and its names become links in the cache.
 */
export function isSafeName(name: string): boolean {
  return (
    name !== '' &&
    !name.startsWith('.') &&
    !/[/\\:\p{Cc}\p{Cs}]/u.test(name) &&
    Buffer.byteLength(name) <= MAX_NAME_BYTES
  );
}

const FINGERPRINT = /^sha256:([0-9a-f]{64})$/;

/** The name of a model's folder in the cache; null for a fingerprint of no known form, which names no folder. */
export function folderOfFingerprint(fingerprint: string): string | null {
  return FINGERPRINT.exec(fingerprint)?.[1] ?? null;
}
