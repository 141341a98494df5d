import { EventEmitter } from 'node:events';
import type { TerminalStream } from '../src/live-stream.ts';

/** A stream that keeps what is written to it. */
export class FakeTerminal extends EventEmitter implements TerminalStream {
  readonly isTTY: boolean;
  columns: number;
  readonly writes: string[] = [];

  constructor({ isTTY = false, columns = 80 } = {}) {
    super();
    this.isTTY = isTTY;
    this.columns = columns;
  }

  write(text: string): void {
    this.writes.push(text);
  }

  get text(): string {
    return this.writes.join('');
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}

/**
 * The lines a terminal shows after the given output, for the control sequences a live block is made of: line
 * breaks, carriage return, erase line, one line up.
 */
export function screenOf(output: string): string[] {
  const lines = [''];
  let row = 0;
  for (const part of output.match(/\u001b\[[0-9]*[A-Z]|\r|\n|[^\u001b\r\n]+/g) ?? []) {
    if (part === '\u001b[2K') lines[row] = '';
    else if (part === '\u001b[1A') row--;
    else if (part === '\n') lines[++row] ??= '';
    else if (part !== '\r') lines[row] += part;
  }
  return lines;
}
