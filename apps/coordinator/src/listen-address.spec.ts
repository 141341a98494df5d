import { describe, expect, it } from 'vitest';
import { parseListen } from './listen-address.ts';

describe('parseListen', () => {
  it.each([
    ['0.0.0.0:50051', '0.0.0.0', 50051],
    ['50051', '0.0.0.0', 50051],
    ['coordinator.example:1', 'coordinator.example', 1],
    ['127.0.0.1:0', '127.0.0.1', 0],
    ['[::1]:65535', '::1', 65535],
  ])('reads %s', (listen, host, port) => {
    expect(parseListen(listen)).toEqual({ host, port });
  });

  it.each(['', ':', 'here', 'here:', 'here:65536', '::1:5', 'a:b:5', 'http://here:5', 'here:-1', 'here: 5'])(
    'does not read %j',
    (listen) => {
      expect(() => parseListen(listen)).toThrow(
        `--listen must be host:port, e.g. 0.0.0.0:50051, or a port alone; got "${listen}"`,
      );
    },
  );
});
