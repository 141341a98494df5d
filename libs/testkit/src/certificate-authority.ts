import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import forge from 'node-forge';

const DAY_MS = 24 * 3_600_000;

/** What a certificate says; the rest is as a user would make it. */
export interface CertificateOptions {
  /** Host names and IP addresses; `localhost` and 127.0.0.1 by default. */
  readonly names?: readonly string[];
  /** Days from now until it expires, below 0 for one that has; 30 by default. */
  readonly validDays?: number;
}

/** Where the files of one certificate are. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** An authority that signs certificates for tests. */
export class CertificateAuthority {
  /** Its own certificate, PEM. */
  readonly pem: string;
  private readonly name: string;
  private readonly keys = keyPair();

  constructor(name: string) {
    this.name = name;
    const certificate = this.certificate(name, this.keys.publicKey, 30);
    certificate.setExtensions([{ name: 'basicConstraints', cA: true, critical: true }]);
    certificate.sign(this.keys.privateKey, forge.md.sha256.create());
    this.pem = forge.pki.certificateToPem(certificate);
  }

  /** Writes the authority's own certificate. @returns its file */
  write(folder: string): string {
    const file = join(folder, `${this.name}.crt`);
    writeFileSync(file, this.pem);
    return file;
  }

  /** Writes `<name>.crt` and `<name>.key` into the folder, over those that are there. */
  issue(folder: string, name: string, options: CertificateOptions = {}): CertificateFiles {
    const { names = ['localhost', '127.0.0.1'], validDays = 30 } = options;
    const keys = keyPair();
    const certificate = this.certificate(name, keys.publicKey, validDays);
    const altNames = names.map((host) =>
      isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host },
    );
    certificate.setExtensions([
      { name: 'basicConstraints', cA: false },
      { name: 'subjectAltName', altNames },
    ]);
    certificate.sign(this.keys.privateKey, forge.md.sha256.create());
    const files = { certFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) };
    writeFileSync(files.certFile, forge.pki.certificateToPem(certificate));
    writeFileSync(files.keyFile, forge.pki.privateKeyToPem(keys.privateKey), { mode: 0o600 });
    return files;
  }

  private certificate(
    name: string,
    publicKey: forge.pki.rsa.PublicKey,
    validDays: number,
  ): forge.pki.Certificate {
    const certificate = forge.pki.createCertificate();
    certificate.publicKey = publicKey;
    certificate.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(8))}`;
    const endsMs = Date.now() + validDays * DAY_MS;
    certificate.validity.notBefore = new Date(Math.min(Date.now(), endsMs) - DAY_MS);
    certificate.validity.notAfter = new Date(endsMs);
    certificate.setSubject([{ name: 'commonName', value: name }]);
    certificate.setIssuer([{ name: 'commonName', value: this.name }]);
    return certificate;
  }
}

/** Made by Node: in JavaScript it would take seconds. */
function keyPair(): forge.pki.rsa.KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  return {
    privateKey: forge.pki.privateKeyFromPem(privateKey),
    publicKey: forge.pki.publicKeyFromPem(publicKey),
  };
}
