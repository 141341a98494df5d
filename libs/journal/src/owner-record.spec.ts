import { spawnSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatOwnerRecord, isGone, parseOwnerRecord, thisProcess } from './owner-record.ts';

const HERE = { ...thisProcess('id', '2025-01-01T00:00:00.000Z'), bootId: 'boot', pidNamespace: 'pid:[1]' };
const deadPid = (): number => spawnSync(process.execPath, ['-e', '0']).pid;

describe('parseOwnerRecord', () => {
  it('reads what was written', () => {
    expect(parseOwnerRecord(formatOwnerRecord(HERE))).toEqual(HERE);
  });

  it('is undefined for anything else', () => {
    const texts = fc.oneof(
      fc.json(),
      fc.string(),
      fc.nat(formatOwnerRecord(HERE).length - 2).map((length) => formatOwnerRecord(HERE).slice(0, length)),
    );
    fc.assert(fc.property(texts, (text) => parseOwnerRecord(text) === undefined));
  });
});

describe('isGone', () => {
  it('is true only for a process of this kernel and namespace that does not exist', () => {
    const dead = { ...thisProcess('id', ''), pid: deadPid() };
    const certain = dead.bootId !== null && dead.pidNamespace !== null;
    expect(isGone(dead)).toBe(certain);
    expect(isGone({ ...dead, pid: process.pid })).toBe(false);
    expect(isGone({ ...dead, host: 'elsewhere' })).toBe(false);
    expect(isGone({ ...dead, bootId: 'another boot' })).toBe(false);
    expect(isGone({ ...dead, bootId: null })).toBe(false);
    expect(isGone({ ...dead, pidNamespace: 'pid:[1]' })).toBe(false);
    expect(isGone({ ...dead, pid: -1 })).toBe(false);
  });
});
