import { availableParallelism, homedir, totalmem } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseWorkerCommand } from './options.ts';
import { WorkerUsageError } from './usage-error.ts';
import { WORKER_HELP } from './worker-help.ts';

const CONNECT = ['--connect', '127.0.0.1:50051'];

describe('parseWorkerCommand', () => {
  it('takes defaults for everything but the coordinator', () => {
    const command = parseWorkerCommand(CONNECT, {});
    expect(command).toEqual({
      kind: 'work',
      options: {
        connect: '127.0.0.1:50051',
        security: { tls: undefined, token: undefined },
        warnings: [],
        device: 'cpu',
        dtype: 'auto',
        threads: null,
        maxThreads: availableParallelism(),
        memoryLimitBytes: expect.any(Number) as number,
        shareWeights: false,
        stages: 'auto',
        cacheFolder: join(homedir(), '.cache', 'blockpruner'),
        cacheLimitBytes: null,
        drainGraceMs: 25_000,
        exitWhenDone: false,
        retryRefusals: false,
        monitoring: {},
        parentPipe: false,
        logLevel: 'info',
        logFormat: 'auto',
      },
    });
  });

  it('leaves a GPU one thread', () => {
    expect(parseWorkerCommand([...CONNECT, '--device', 'cuda:3'], {})).toMatchObject({
      options: { device: 'cuda:3', threads: null, maxThreads: 1 },
    });
  });

  it('takes from the environment what no flag gives', () => {
    const environment = {
      BLOCKPRUNER_CONNECT: 'elsewhere:1',
      BLOCKPRUNER_INSECURE: '1',
      BLOCKPRUNER_DEVICE: 'cuda:1',
      BLOCKPRUNER_DTYPE: 'bf16',
      BLOCKPRUNER_THREADS: '7',
      BLOCKPRUNER_MEMORY_LIMIT: '1.5GiB',
      BLOCKPRUNER_STAGES: '3',
      BLOCKPRUNER_CACHE_DIR: '/data/cache',
      BLOCKPRUNER_CACHE_LIMIT: '100GiB',
      BLOCKPRUNER_DRAIN_GRACE: '5min',
      BLOCKPRUNER_LOG_LEVEL: 'debug',
      BLOCKPRUNER_LOG_FORMAT: 'json',
      BLOCKPRUNER_HEALTH_LISTEN: '50053',
      BLOCKPRUNER_METRICS_LISTEN: '[::1]:9464',
      BLOCKPRUNER_EXIT_WHEN_DONE: 'true',
      BLOCKPRUNER_SHARE_WEIGHTS: '1',
      BLOCKPRUNER_RETRY_REFUSALS: '1',
    };
    expect(parseWorkerCommand([], environment)).toMatchObject({
      options: {
        connect: 'elsewhere:1',
        device: 'cuda:1',
        dtype: 'bf16',
        threads: 7,
        memoryLimitBytes: 1.5 * 2 ** 30,
        stages: 3,
        cacheFolder: '/data/cache',
        cacheLimitBytes: 100 * 2 ** 30,
        drainGraceMs: 300_000,
        logLevel: 'debug',
        logFormat: 'json',
        monitoring: { health: { host: '0.0.0.0', port: 50_053 }, metrics: { host: '::1', port: 9464 } },
        exitWhenDone: true,
        shareWeights: true,
        retryRefusals: true,
      },
    });
    expect(parseWorkerCommand([...CONNECT, '--threads', '2'], environment)).toMatchObject({
      options: {
        connect: '127.0.0.1:50051',
        security: { tls: undefined, token: undefined },
        warnings: [],
        threads: 2,
      },
    });
  });

  it('takes its switches', () => {
    const switches = ['--exit-when-done', '--parent-pipe', '--share-weights', '--retry-refusals'];
    expect(parseWorkerCommand([...CONNECT, ...switches], {})).toMatchObject({
      options: { exitWhenDone: true, parentPipe: true, shareWeights: true, retryRefusals: true },
    });
  });

  it('takes what is free for the memory it may use', () => {
    const command = parseWorkerCommand(CONNECT, {});
    const bytes = command.kind === 'work' ? command.options.memoryLimitBytes : 0;
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(totalmem());
  });

  it('takes the share of the cores that a coordinator gives it', () => {
    expect(parseWorkerCommand([...CONNECT, '--max-threads', '3'], {})).toMatchObject({
      options: { threads: null, maxThreads: 3 },
    });
  });

  it('takes fp16 on a CPU, and any number of stages', () => {
    expect(parseWorkerCommand([...CONNECT, '--dtype', 'fp16', '--stages', '4'], {})).toMatchObject({
      options: { dtype: 'fp16', stages: 4 },
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
    [[...CONNECT, '--max-threads', 'all'], '--max-threads must be a whole number from 1 to 999; got "all"'],
    [[...CONNECT, '--dtype', 'int8'], '--dtype must be auto, fp32, bf16 or fp16; got "int8"'],
    [
      [...CONNECT, '--dtype', 'bf16'],
      '--dtype: bf16 is for GPUs: onnxruntime has no bf16 matrix product for',
    ],
    [
      [...CONNECT, '--memory-limit', '12GB'],
      '--memory-limit must be a size of at least 256 MiB, as in 12GiB',
    ],
    [[...CONNECT, '--cache-limit', 'much'], '--cache-limit must be a size, as in 100GiB'],
    [[...CONNECT, '--memory-limit', '255MiB'], '--memory-limit must be a size of at least 256 MiB'],
    [[...CONNECT, '--drain-grace', '25'], '--drain-grace must be a time from 0s to 24d, as in 25s or 5min'],
    [[...CONNECT, '--stages', '0'], '--stages must be auto or a whole number from 1 to 999; got "0"'],
    [[...CONNECT, '--log-level', 'loud'], '--log-level must be error, warn, info or debug; got "loud"'],
    [[...CONNECT, '--log-format', 'xml'], '--log-format must be auto, pretty or json; got "xml"'],
    [[...CONNECT, '--health-listen', 'here'], '--health-listen must be host:port, e.g. 0.0.0.0:50053, or'],
    [[...CONNECT, '--metrics-listen', ':70000'], '--metrics-listen must be host:port'],
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

  it('has a help that names every option a user may give, and its variable', () => {
    const withValues = ['connect', 'device', 'dtype', 'threads', 'memory-limit', 'stages', 'cache-dir'];
    withValues.push(
      'cache-limit',
      'drain-grace',
      'health-listen',
      'metrics-listen',
      'log-level',
      'log-format',
    );
    for (const option of withValues) expect(WORKER_HELP).toContain(`--${option} <`);
    const switches = ['exit-when-done', 'share-weights', 'retry-refusals'];
    for (const option of switches) expect(WORKER_HELP).toContain(`--${option} `);
    for (const option of [...withValues, ...switches])
      expect(WORKER_HELP).toContain(`BLOCKPRUNER_${option.toUpperCase().replaceAll('-', '_')}`);
  });
});
