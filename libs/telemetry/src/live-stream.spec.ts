import { describe, expect, it } from 'vitest';
import { FakeTerminal, screenOf } from '../test/fake-terminal.ts';
import { LiveStream } from './live-stream.ts';

describe('LiveStream', () => {
  it('passes text through untouched while there is no block', () => {
    const terminal = new FakeTerminal();
    const live = new LiveStream(terminal);
    live.write('one\n');
    live.setBlock([]);
    live.write('two');
    expect(terminal.writes).toEqual(['one\n', 'two']);
  });

  it('lets log lines scroll above the block, each in one write', () => {
    const terminal = new FakeTerminal({ isTTY: true });
    const live = new LiveStream(terminal);
    live.write('before\n');
    live.setBlock(['first 1', 'second 1']);
    live.write('log line\n');
    live.write('without an end');
    live.setBlock(['first 2', 'second 2']);
    expect(screenOf(terminal.text)).toEqual(['before', 'log line', 'without an end', 'first 2', 'second 2']);
    expect(terminal.writes).toHaveLength(5);
  });

  it('leaves nothing of the block behind when it goes', () => {
    const terminal = new FakeTerminal({ isTTY: true });
    const live = new LiveStream(terminal);
    live.setBlock(['a', 'b', 'c']);
    live.setBlock([]);
    live.write('after\n');
    expect(screenOf(terminal.text)).toEqual(['after', '', '']);
  });

  it('cuts the lines of the block to the width the terminal has at that time', () => {
    const terminal = new FakeTerminal({ isTTY: true, columns: 10 });
    const live = new LiveStream(terminal);
    live.setBlock(['0123456789abc', '\u{1F44D}'.repeat(20)]);
    expect(screenOf(terminal.text)).toEqual(['012345678', '\u{1F44D}'.repeat(9)]);
    terminal.columns = 6;
    live.setBlock(['0123456789abc']);
    expect(screenOf(terminal.text)).toEqual(['01234', '']);
  });

  it('stays quiet for good after the stream reported an error', () => {
    const terminal = new FakeTerminal();
    const live = new LiveStream(terminal);
    live.write('one\n');
    terminal.emit('error', new Error('EPIPE'));
    live.write('two\n');
    live.setBlock(['block']);
    expect(terminal.text).toBe('one\n');
  });

  it('stays quiet for good after a write threw', () => {
    let calls = 0;
    const live = new LiveStream({
      on: () => undefined,
      write() {
        calls++;
        throw new Error('ENOSPC');
      },
    });
    live.write('one\n');
    live.write('two\n');
    expect(calls).toBe(1);
  });
});
