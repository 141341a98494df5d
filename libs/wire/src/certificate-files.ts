import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { WireError } from './wire-error.ts';

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** A certificate, possibly followed by its chain, and its private key: both PEM. */
export interface Identity {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/**
 * Reads a certificate and its key, and checks that they can be used now.
 * @throws WireError `bad-credentials` naming the file and what is wrong with it
 */
export function readIdentity(certFile: string, keyFile: string): Identity {
  const cert = read(certFile);
  const key = read(keyFile);
  const [certificate] = parse(cert, certFile);
  const now = Date.now();
  if (certificate.validToDate.getTime() < now) {
    throw bad(`the certificate in ${certFile} expired on ${day(certificate.validToDate)}: renew it`);
  }
  if (certificate.validFromDate.getTime() > now) {
    throw bad(
      `the certificate in ${certFile} is valid from ${day(certificate.validFromDate)} on: check this machine's clock`,
    );
  }
  if (!certificate.checkPrivateKey(parseKey(key, keyFile))) {
    throw bad(
      `the key in ${keyFile} is not that of the certificate in ${certFile}: give the two of one pair`,
    );
  }
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw bad(`${certFile} and ${keyFile} cannot be used for TLS: ${(error as Error).message}`, error);
  }
  return { cert, key };
}

/**
 * Reads the certificates of authorities, one or more.
 * @throws WireError `bad-credentials` naming the file when it holds none, or only expired ones
 */
export function readAuthorities(caFile: string): Buffer {
  const pem = read(caFile);
  const latest = parse(pem, caFile).reduce((a, b) => (a.validToDate > b.validToDate ? a : b));
  if (latest.validToDate.getTime() < Date.now()) {
    throw bad(`the authority in ${caFile} expired on ${day(latest.validToDate)}: renew it`);
  }
  return pem;
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw bad(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`, error);
  }
}

function parse(pem: Buffer, file: string): X509Certificate[] {
  const blocks = pem.toString('latin1').match(PEM_CERTIFICATE) ?? [];
  try {
    const certificates = blocks.map((block) => new X509Certificate(block));
    if (certificates.length > 0) return certificates;
  } catch (error) {
    throw bad(`${file} holds a damaged certificate`, error);
  }
  throw bad(`${file} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)`);
}

function parseKey(pem: Buffer, file: string) {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw bad(`${file} holds no private key in PEM form without a passphrase`, error);
  }
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function bad(message: string, cause?: unknown): WireError {
  return new WireError('bad-credentials', message, { cause });
}
