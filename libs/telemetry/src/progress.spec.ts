import { describe, expect, it } from 'vitest';
import { FakeTerminal, screenOf } from '../test/fake-terminal.ts';
import { LiveStream } from './live-stream.ts';
import { createLogger } from './logger.ts';
import { ProgressDisplay } from './progress.ts';

function display({ isTTY = false, columns = 120 } = {}) {
  const terminal = new FakeTerminal({ isTTY, columns });
  const stream = new LiveStream(terminal);
  const logger = createLogger({ level: 'info', format: 'json', stream });
  const clock = { ms: 5000 };
  const progress = new ProgressDisplay({
    stream,
    isTty: isTTY,
    logger,
    nowMs: () => clock.ms,
    intervalMs: 10_000,
  });
  return { terminal, clock, progress, logger };
}

const title = 'iteration 3/12';

describe('ProgressDisplay on a terminal', () => {
  it('shows title, share, count, rate, time left and detail on one line', () => {
    const { terminal, clock, progress } = display({ isTTY: true });
    progress.update({ title, done: 100, total: 1000, detail: '4 workers' });
    expect(screenOf(terminal.text)).toEqual([
      'iteration 3/12 [##------------------] 10 %  100/1000  4 workers',
    ]);
    clock.ms += 10_000;
    progress.update({ title, done: 500, total: 1000, detail: '4 workers' });
    expect(screenOf(terminal.text)).toEqual([
      'iteration 3/12 [##########----------] 50 %  500/1000  40/s  ETA 13 s  4 workers',
    ]);
  });

  it('takes the time left from what the units cost, where they cost unequally', () => {
    const { terminal, clock, progress } = display({ isTTY: true });
    progress.update({ title, done: 0, total: 10, cost: { done: 100, total: 1100 } });
    clock.ms += 10_000;
    progress.update({ title, done: 5, total: 10, cost: { done: 900, total: 1100 } });
    expect(screenOf(terminal.text)).toEqual([
      'iteration 3/12 [##########----------] 50 %  5/10  0.50/s  ETA 2.5 s',
    ]);
  });

  it('redraws at most ten times a second, but a new title at once', () => {
    const { terminal, clock, progress } = display({ isTTY: true });
    for (let i = 0; i < 100; i++) {
      progress.update({ title, done: i, total: 100 });
      clock.ms += 10;
    }
    expect(terminal.writes).toHaveLength(10);
    progress.update({ title: 'iteration 4/12', done: 0, total: 100 });
    expect(screenOf(terminal.text)).toEqual(['iteration 4/12 [--------------------] 0 %  0/100']);
  });

  it('stays whole while log lines scroll above it', () => {
    const { terminal, clock, progress, logger } = display({ isTTY: true });
    progress.update({ title, done: 0, total: 10 });
    logger.info('one');
    clock.ms += 200;
    progress.update({ title, done: 5, total: 10 });
    logger.info('two');
    const [one, two, ...block] = screenOf(terminal.text);
    expect([one, two].map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['one', 'two']);
    expect(block).toEqual(['iteration 3/12 [##########----------] 50 %  5/10  25/s  ETA 0.2 s']);
  });

  it('is cut to a narrow terminal', () => {
    const { terminal, progress } = display({ isTTY: true, columns: 20 });
    progress.update({ title, done: 0, total: 10 });
    expect(screenOf(terminal.text)).toEqual(['iteration 3/12 [---']);
  });

  it('goes away on clear and comes back, and goes for good on close', () => {
    const { terminal, clock, progress } = display({ isTTY: true });
    progress.update({ title, done: 0, total: 10 });
    progress.clear();
    expect(screenOf(terminal.text)).toEqual(['']);
    clock.ms += 100;
    progress.update({ title, done: 1, total: 10 });
    expect(screenOf(terminal.text)[0]).toContain('1/10');
    progress.close();
    clock.ms += 100;
    progress.update({ title, done: 2, total: 10 });
    progress.close();
    expect(screenOf(terminal.text)).toEqual(['']);
  });

  it('shows no share above all of it, and none of nothing', () => {
    const { terminal, progress } = display({ isTTY: true });
    progress.update({ title: 'over', done: 12, total: 10 });
    expect(screenOf(terminal.text)).toEqual(['over [####################] 100 %  12/10']);
    progress.update({ title: 'empty', done: 0, total: 0 });
    expect(screenOf(terminal.text)).toEqual(['empty [--------------------] 0 %  0/0']);
  });
});

describe('ProgressDisplay elsewhere', () => {
  it('logs a line at most every interval, new title or not', () => {
    const { terminal, clock, progress } = display();
    for (let second = 0; second < 35; second++) {
      progress.update({ title: `iteration ${second}`, done: second, total: 100 });
      clock.ms += 1000;
    }
    const titles = terminal.lines.map((line) => (JSON.parse(line) as { title: string }).title);
    expect(titles).toEqual(['iteration 10', 'iteration 20', 'iteration 30']);
  });

  it('logs counts, rate and time left as fields', () => {
    const { terminal, clock, progress } = display();
    progress.update({ title, done: 100, total: 400, detail: '4 workers' });
    clock.ms += 20_000;
    progress.update({ title, done: 200, total: 400, detail: '4 workers' });
    const fields = {
      title,
      done: 200,
      total: 400,
      detail: '4 workers',
      perSecond: 5,
      etaSeconds: 40,
      msg: 'progress',
    };
    expect(JSON.parse(terminal.text)).toMatchObject(fields);
  });
});
