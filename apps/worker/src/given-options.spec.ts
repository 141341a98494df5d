import { describe, expect, it } from 'vitest';
import { GivenOptions } from './given-options.ts';
import { WorkerUsageError } from './usage-error.ts';

interface Flags {
  readonly 'cache-dir'?: string;
  readonly tls?: boolean;
}

const given = (flags: Flags, environment: NodeJS.ProcessEnv = {}) => new GivenOptions(flags, environment);

describe('GivenOptions', () => {
  it('takes a flag before a variable, and an empty variable for none', () => {
    const environment = { BLOCKPRUNER_CACHE_DIR: '/of-environment' };
    expect(given({ 'cache-dir': '/of-flag' }, environment).text('cache-dir')).toBe('/of-flag');
    expect(given({}, environment).text('cache-dir')).toBe('/of-environment');
    expect(given({}, { BLOCKPRUNER_CACHE_DIR: '' }).text('cache-dir')).toBeUndefined();
    expect(given({}).text('cache-dir')).toBeUndefined();
  });

  it('reads switches', () => {
    expect(given({ tls: true }, { BLOCKPRUNER_TLS: '0' }).isOn('tls')).toBe(true);
    for (const on of ['1', 'true']) expect(given({}, { BLOCKPRUNER_TLS: on }).isOn('tls')).toBe(true);
    for (const off of ['0', 'false', '', undefined])
      expect(given({}, { BLOCKPRUNER_TLS: off }).isOn('tls')).toBe(false);
  });

  it('takes no other word for yes or no', () => {
    const read = (): boolean => given({}, { BLOCKPRUNER_TLS: 'yes' }).isOn('tls');
    expect(read).toThrow(WorkerUsageError);
    expect(read).toThrow('BLOCKPRUNER_TLS must be 1, true, 0, false or empty; got "yes"');
  });
});
