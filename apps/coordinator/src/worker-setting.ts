import { parseDuration } from '@blockpruner/telemetry';
import { z } from 'zod';
import { EXPECTED, text, wholeNumber, type Setting } from './setting-schema.ts';

/** Options of who computes: the workers of this machine, and the port for others. */
export const WORKER_OPTIONS = {
  workers: {
    key: 'workers',
    metavar: 'local:N',
    description:
      'worker processes to start on this machine (default: as many as cores, memory or GPUs allow)',
    group: 'Workers',
    schema: z
      .string()
      .regex(/^local:([1-9]\d{0,1}|1\d\d|2[0-4]\d|25[0-6])$/)
      .describe(EXPECTED.workers),
  },
  listen: {
    key: 'listen',
    metavar: 'host:port',
    description: 'accept workers from other machines; starts none unless --workers is given too',
    group: 'Workers',
    schema: text.describe(EXPECTED.listen),
  },
  tlsCert: {
    key: 'tls-cert',
    metavar: 'file',
    description: 'certificate of the --listen port, PEM; read again when it changes',
    group: 'Workers',
    schema: text,
  },
  tlsKey: {
    key: 'tls-key',
    metavar: 'file',
    description: 'private key of --tls-cert, PEM',
    group: 'Workers',
    schema: text,
  },
  tlsClientCa: {
    key: 'tls-client-ca',
    metavar: 'file',
    description: 'demand of each worker a certificate of these authorities, PEM',
    group: 'Workers',
    schema: text,
  },
  tokenFile: {
    key: 'token-file',
    metavar: 'file',
    description: 'demand of each worker one of these tokens, one a line; or set BLOCKPRUNER_TOKEN to one',
    group: 'Workers',
    schema: text,
  },
  insecure: {
    key: 'insecure',
    description: 'listen on a network without TLS, or without asking workers who they are',
    group: 'Workers',
    schema: z.boolean().describe('true or false'),
  },
  artifactListen: {
    key: 'artifact-listen',
    metavar: 'host:port',
    description:
      "serve the model's files to workers that do not see them; none: workers must see them at the same path (default: the host of --listen, the next free port)",
    group: 'Workers',
    schema: text.describe(EXPECTED.artifactListen),
  },
  artifactBandwidth: {
    key: 'artifact-bandwidth',
    metavar: 'size',
    description: 'bytes of files a second, to all workers together, e.g. 1GiB (default: no limit)',
    group: 'Workers',
    schema: z.union([z.number().int().positive().transform(String), text]).describe(EXPECTED.bandwidth),
  },
  artifactStreams: {
    key: 'artifact-streams',
    metavar: 'n',
    description: 'workers that fetch files at the same time; others wait their turn',
    group: 'Workers',
    default: 8,
    schema: wholeNumber(1, 999).describe(EXPECTED.threads),
  },
  workerTimeout: {
    key: 'worker-timeout',
    metavar: 'time',
    description: 'give up, with all that was computed kept, when there has been no worker for so long',
    group: 'Workers',
    default: '15min',
    schema: text.refine((value) => (parseDuration(value) ?? 0) > 0).describe(EXPECTED.duration),
  },
  threads: {
    key: 'threads',
    metavar: 'n',
    description: 'threads of each worker of this machine (default: its share of the cores, tried out)',
    group: 'Workers',
    schema: wholeNumber(1, 999).describe(EXPECTED.threads),
  },
  microBatch: {
    key: 'micro-batch',
    metavar: 'rows',
    description: 'rows of one length that go through the model together (default: tried out)',
    group: 'Workers',
    schema: wholeNumber(1, 4096).describe(EXPECTED.microBatch),
  },
  memoryLimit: {
    key: 'memory-limit',
    metavar: 'size',
    description: 'memory for the workers of this machine, e.g. 12GiB (default: what is free)',
    group: 'Workers',
    schema: z.union([z.number().int().positive().transform(String), text]).describe(EXPECTED.memory),
  },
  dtype: {
    key: 'dtype',
    metavar: 'type',
    description: 'of weights and products inside blocks on workers of this machine: auto, fp32, bf16 or fp16',
    group: 'Workers',
    default: 'auto',
    schema: z.enum(['auto', 'fp32', 'bf16', 'fp16']).describe(EXPECTED.dtype),
  },
  mixedClasses: {
    key: 'mixed-classes',
    description: 'accept workers of any numeric class, and flag each decision that used two',
    group: 'Workers',
    schema: z.boolean().describe('true or false'),
  },
  stages: {
    key: 'stages',
    metavar: 'n',
    description: 'parts of the model that a worker of this machine holds one at a time; auto: as few as fit',
    group: 'Workers',
    default: 'auto',
    schema: z.union([z.literal('auto'), wholeNumber(1, 512)]).describe(EXPECTED.stages),
  },
} as const satisfies Record<string, Setting>;
