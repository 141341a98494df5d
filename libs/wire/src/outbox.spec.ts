import { describe, expect, it } from 'vitest';
import { Outbox } from './outbox.ts';

/** A stream that passes a message on only when told to. */
function stream() {
  const written: string[] = [];
  const pending: (() => void)[] = [];
  const write = (bytes: Buffer, done: () => void): void => {
    written.push(bytes.toString());
    pending.push(done);
  };
  return { written, write, passOn: () => pending.shift()?.() };
}

describe('Outbox', () => {
  it('gives the stream one message at a time, in order', () => {
    const { written, write, passOn } = stream();
    const outbox = new Outbox(write, 100);
    for (const text of ['a', 'b', 'c']) outbox.push(Buffer.from(text));
    expect(written).toEqual(['a']);
    passOn();
    passOn();
    expect(written).toEqual(['a', 'b', 'c']);
  });

  it('refuses the message that would exceed the limit, and takes it when there is room again', () => {
    const { write, passOn } = stream();
    const outbox = new Outbox(write, 4);
    expect(outbox.push(Buffer.alloc(50))).toBe(true);
    expect(outbox.push(Buffer.alloc(4))).toBe(true);
    expect(outbox.push(Buffer.alloc(1))).toBe(false);
    passOn();
    expect(outbox.push(Buffer.alloc(1))).toBe(true);
  });

  it('finishes after the last message, and takes none after that', () => {
    const { written, write, passOn } = stream();
    const outbox = new Outbox(write, 100);
    let finished = false;
    outbox.push(Buffer.from('a'));
    outbox.push(Buffer.from('b'));
    outbox.finish(() => (finished = true));
    outbox.push(Buffer.from('c'));
    passOn();
    expect(finished).toBe(false);
    passOn();
    expect(finished).toBe(true);
    expect(written).toEqual(['a', 'b']);
  });

  it('drops what waits when discarded', () => {
    const { written, write, passOn } = stream();
    const outbox = new Outbox(write, 100);
    outbox.push(Buffer.from('a'));
    outbox.push(Buffer.from('b'));
    outbox.discard();
    passOn();
    outbox.push(Buffer.from('c'));
    expect(written).toEqual(['a']);
  });

  it('tells each time that everything was passed on', () => {
    const { write, passOn } = stream();
    let times = 0;
    const outbox = new Outbox(write, 100, () => times++);
    expect(outbox.isEmpty).toBe(true);
    outbox.push(Buffer.from('a'));
    outbox.push(Buffer.from('b'));
    passOn();
    expect([outbox.isEmpty, times]).toEqual([false, 0]);
    passOn();
    expect([outbox.isEmpty, times]).toEqual([true, 1]);
    outbox.push(Buffer.from('c'));
    passOn();
    expect([outbox.isEmpty, times]).toEqual([true, 2]);
  });
});
