import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CertificateAuthority, temporaryFolder } from '@blockpruner/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { readAuthorities, readIdentity } from './certificate-files.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const authority = new CertificateAuthority('authority');
const good = authority.issue(folder.path, 'good');
const other = authority.issue(folder.path, 'other');

function file(name: string, content: string | Buffer): string {
  const path = join(folder.path, name);
  writeFileSync(path, content);
  return path;
}

const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

describe('readIdentity', () => {
  it('reads a pair that belongs together', () => {
    const { cert, key } = readIdentity(good.certFile, good.keyFile);
    expect(cert.toString()).toContain('BEGIN CERTIFICATE');
    expect(key.toString()).toContain('PRIVATE KEY');
  });

  it('names the date of a certificate that has expired', () => {
    const expired = authority.issue(folder.path, 'expired', { validDays: -3 });
    const day = new Date(Date.now() - 3 * 24 * 3_600_000).toISOString().slice(0, 10);
    expect(() => readIdentity(expired.certFile, expired.keyFile)).toThrow(
      `the certificate in ${expired.certFile} expired on ${day}: renew it`,
    );
  });

  it('names the two files of different pairs', () => {
    expect(() => readIdentity(good.certFile, other.keyFile)).toThrow(
      `the key in ${other.keyFile} is not that of the certificate in ${good.certFile}`,
    );
  });

  it.each([
    ['that is not there', join(folder.path, 'nowhere'), 'cannot be read: ENOENT'],
    ['that is a folder', folder.path, 'cannot be read: EISDIR'],
    ['that is empty', file('empty', ''), 'holds no certificate in PEM form'],
    ['that holds a key', good.keyFile, 'holds no certificate in PEM form'],
    ['that is damaged', file('damaged', damaged), 'holds a damaged certificate'],
  ])('names a certificate file %s', (_, path, message) => {
    expect(() => readIdentity(path, good.keyFile)).toThrow(`${path} ${message}`);
  });

  it('names a key file that holds no key, or one with a passphrase', () => {
    expect(() => readIdentity(good.certFile, good.certFile)).toThrow(
      `${good.certFile} holds no private key in PEM form without a passphrase`,
    );
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' },
    });
    const locked = file('locked', privateKey);
    expect(() => readIdentity(good.certFile, locked)).toThrow(`${locked} holds no private key`);
  });
});

describe('readAuthorities', () => {
  it('reads one certificate or several', () => {
    const one = authority.write(folder.path);
    const both = file('both', `${new CertificateAuthority('second').pem}\n${authority.pem}`);
    expect(readAuthorities(one).toString()).toBe(authority.pem);
    expect(readAuthorities(both).toString()).toContain(authority.pem);
  });

  it('refuses a file without a certificate, and one whose certificates have all expired', () => {
    expect(() => readAuthorities(good.keyFile)).toThrow('holds no certificate in PEM form');
    const expired = authority.issue(folder.path, 'old-authority', { validDays: -1 });
    expect(() => readAuthorities(expired.certFile)).toThrow(/old-authority.crt expired on \d{4}-\d\d-\d\d/);
  });
});
