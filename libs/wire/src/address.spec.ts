import { describe, expect, it } from 'vitest';
import { formatAddress, isLoopback, parseAddress } from './address.ts';

describe('parseAddress', () => {
  it.each([
    ['localhost:7600', { host: 'localhost', port: 7600 }],
    ['10.0.0.7:1', { host: '10.0.0.7', port: 1 }],
    ['[::1]:65535', { host: '::1', port: 65_535 }],
    ['[fe80::1%eth0]:7600', { host: 'fe80::1%eth0', port: 7600 }],
  ])('reads %s, and formatAddress writes it again', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
    expect(formatAddress(address)).toBe(text);
  });

  it.each([
    '',
    'localhost',
    ':7600',
    'localhost:',
    'http://host:80',
    '::1:7600',
    '[::1]',
    'a b:1',
    'host:1x',
    'host:1/x',
  ])('refuses "%s" and shows how to write it', (text) => {
    expect(() => parseAddress(text)).toThrow(`${JSON.stringify(text)} is not an address: write host:port`);
  });

  it.each(['host:0', 'host:65536'])('refuses the port of %s', (text) => {
    expect(() => parseAddress(text)).toThrow('a port to dial is from 1 to 65535');
  });
});

describe('isLoopback', () => {
  it.each(['localhost', '::1', '127.0.0.1', '127.8.9.10'])('knows %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each(['0.0.0.0', '::', '10.0.0.7', '127.example.org', 'node-7', 'localhost.example.org', ''])(
    'does not take "%s" for this machine',
    (host) => {
      expect(isLoopback(host)).toBe(false);
    },
  );
});
