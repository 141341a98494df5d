import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseWorkerCommand, WORKER_HELP, WorkerUsageError } from './options.ts';

const CONNECT = ['--connect', '10.0.0.5:50051'];

describe('parseWorkerCommand', () => {
  it('takes defaults for everything but the coordinator', () => {
    expect(parseWorkerCommand(CONNECT, {})).toEqual({
      kind: 'work',
      options: {
        connect: '10.0.0.5:50051',
        device: 'cpu',
        threads: availableParallelism(),
        cacheFolder: join(homedir(), '.cache', 'blockpruner'),
        exitWhenDone: false,
        parentPipe: false,
        logLevel: 'info',
        logFormat: 'auto',
      },
    });
  });

  it('leaves a GPU one thread', () => {
    expect(parseWorkerCommand([...CONNECT, '--device', 'cuda:3'], {})).toMatchObject({
      options: { device: 'cuda:3', threads: 1 },
    });
  });

  it('takes from the environment what no flag gives', () => {
    const environment = {
      BLOCKPRUNER_CONNECT: 'elsewhere:1',
      BLOCKPRUNER_DEVICE: 'cuda:1',
      BLOCKPRUNER_THREADS: '7',
      BLOCKPRUNER_CACHE_DIR: '/data/cache',
      BLOCKPRUNER_LOG_LEVEL: 'debug',
      BLOCKPRUNER_LOG_FORMAT: 'json',
    };
    expect(parseWorkerCommand([], environment)).toMatchObject({
      options: {
        connect: 'elsewhere:1',
        device: 'cuda:1',
        threads: 7,
        cacheFolder: '/data/cache',
        logLevel: 'debug',
        logFormat: 'json',
      },
    });
    expect(parseWorkerCommand([...CONNECT, '--threads', '2'], environment)).toMatchObject({
      options: { connect: '10.0.0.5:50051', threads: 2 },
    });
  });

  it('takes its switches', () => {
    expect(parseWorkerCommand([...CONNECT, '--exit-when-done', '--parent-pipe'], {})).toMatchObject({
      options: { exitWhenDone: true, parentPipe: true },
    });
  });

  it.each([
    [[], '--connect is missing: give --connect <host:port> or set BLOCKPRUNER_CONNECT'],
    [['--connect', 'nowhere'], '--connect: '],
    [['--connect', 'a:0'], '--connect: '],
    [['--connect', 'a:65536'], '--connect: '],
    [[...CONNECT, '--device', 'gpu'], '--device must be cpu or cuda:<index>; got "gpu"'],
    [[...CONNECT, '--device', 'cuda'], '--device must be cpu or cuda:<index>; got "cuda"'],
    [[...CONNECT, '--threads', '0'], '--threads must be a whole number from 1 to 999; got "0"'],
    [[...CONNECT, '--threads', '2.5'], '--threads must be a whole number from 1 to 999; got "2.5"'],
    [[...CONNECT, '--log-level', 'loud'], '--log-level must be error, warn, info or debug; got "loud"'],
    [[...CONNECT, '--log-format', 'xml'], '--log-format must be auto, pretty or json; got "xml"'],
    [[...CONNECT, '--bogus'], "Unknown option '--bogus'"],
    [[...CONNECT, 'stray'], "Unexpected argument 'stray'"],
    [['--connect'], "Option '--connect <value>' argument missing; see blockpruner worker --help"],
  ])('refuses %j in one line', (args, message) => {
    const parse = (): unknown => parseWorkerCommand(args, {});
    expect(parse).toThrow(WorkerUsageError);
    expect(parse).toThrow(message);
    expect(parse).not.toThrow('\n');
  });

  it('needs no coordinator for its help and its self-test', () => {
    expect(parseWorkerCommand(['--help'], {})).toEqual({ kind: 'help' });
    expect(parseWorkerCommand(['-h'], {})).toEqual({ kind: 'help' });
    expect(parseWorkerCommand(['--self-test'], {})).toEqual({ kind: 'self-test' });
  });

  it('has a help that names every option a user may give', () => {
    for (const option of ['connect', 'device', 'threads', 'cache-dir', 'log-level', 'log-format']) {
      expect(WORKER_HELP).toContain(`--${option} <`);
      expect(WORKER_HELP).toContain(`BLOCKPRUNER_${option.toUpperCase().replace('-', '_')}`);
    }
    expect(WORKER_HELP).toContain('--exit-when-done');
  });
});
