import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelCache, type ArtifactSource } from '@blockpruner/artifacts';
import { ArtifactClient } from '@blockpruner/wire';
import { FINGERPRINT } from './artifacts-process.ts';
import type { Benchmark, OptionValues } from './benchmark.ts';
import { fixed, tableOf } from './figures.ts';
import { progress } from './progress.ts';
import { interleave, spreadOf, type Spread } from './timing.ts';

/** What Node's HTTP/2 has by itself. */
const DEFAULT_WINDOW_BYTES = 65_535;

export const artifactsBenchmark: Benchmark = {
  summary: `Megabytes a second of a model's files from the process that serves them: received, and received, verified and
stored by a worker, over lines of different delay, with the flow-control window of HTTP/2 and with ours.`,
  options: {
    megabytes: { placeholder: '<n>', description: 'of the file', value: '400', quick: '4' },
    delays: {
      placeholder: '<list>',
      description: 'round trips in ms, even numbers',
      value: '0,10',
      quick: '2',
    },
    repeats: { placeholder: '<n>', description: 'of each, in turns', value: '3', quick: '1' },
  },
  examples: ['artifacts --json artifacts.json', 'artifacts --delays 0,10,50 --megabytes 1000'],
  async run(options) {
    const folder = mkdtempSync(join(tmpdir(), 'blockpruner-artifacts-'));
    const children: ChildProcess[] = [];
    try {
      const results = await measure(folder, children, options);
      return { results, findings: [{ title: 'Megabytes a second', table: table(results), notes: [] }] };
    } finally {
      for (const child of children) child.kill();
      rmSync(folder, { recursive: true });
    }
  },
};

interface Result {
  readonly what: string;
  readonly roundTripMs: number;
  readonly megabytesPerSecond: Spread;
}

async function measure(folder: string, children: ChildProcess[], options: OptionValues): Promise<Result[]> {
  const megabytes = options.integer('megabytes');
  const repeats = options.integer('repeats');
  const serving = await startChild(children, 'serve', folder, String(megabytes));
  const results: Result[] = [];
  for (const roundTripMs of options.integers('delays', 0)) {
    const port = await startChild(children, 'relay', String(serving), String(roundTripMs / 2));
    const address = { host: '127.0.0.1', port };
    const usual = new ArtifactClient(address, {}, DEFAULT_WINDOW_BYTES);
    const wide = new ArtifactClient(address);
    await receive(wide, 1); // the hashes are there from now on
    const sides = [
      // It would take minutes for all of them.
      {
        name: 'received, window of HTTP/2',
        megabytes: megabytes / 10,
        run: () => receive(usual, megabytes * 1e5),
      },
      { name: 'received, our window', megabytes, run: () => receive(wide, megabytes * 1e6) },
      {
        name: 'stored, our window',
        megabytes,
        run: (repeat: number) => store(wide, join(folder, `${roundTripMs}-${repeat}`)),
      },
    ];
    const timings = await interleave(sides, repeats, (text) => progress(`${roundTripMs} ms: ${text}`));
    timings.forEach((each, i) =>
      results.push({
        what: sides[i].name,
        roundTripMs,
        megabytesPerSecond: spreadOf(each.map(({ seconds }) => sides[i].megabytes / seconds)),
      }),
    );
  }
  return results;
}

async function startChild(children: ChildProcess[], ...words: string[]): Promise<number> {
  const child = fork(join(import.meta.dirname, 'artifacts-process.ts'), words);
  children.push(child);
  const [port] = (await once(child, 'message')) as [number];
  return port;
}

async function receive(source: ArtifactSource, lengthBytes: number): Promise<void> {
  const { signal } = new AbortController();
  for await (const reply of source.manifest(FINGERPRINT, signal)) {
    if (reply.kind !== 'manifest') continue;
    const [{ sha256 }] = reply.manifest.files;
    let bytes = 0;
    for await (const part of source.fetch({ sha256, offsetBytes: 0, lengthBytes }, signal)) {
      if (part.kind === 'data') bytes += part.bytes.length;
    }
    if (bytes !== lengthBytes) throw new Error(`${bytes} of ${lengthBytes} bytes came`);
  }
}

async function store(source: ArtifactSource, cacheFolder: string): Promise<void> {
  const cache = new ModelCache({ cacheFolder, limitBytes: null });
  const { signal } = new AbortController();
  await (await cache.fetch(FINGERPRINT, source, { signal, onEvent: () => undefined })).release();
  rmSync(cacheFolder, { recursive: true });
}

function table(results: readonly Result[]): string {
  return tableOf(results, {
    '': ({ what }) => what,
    'round trip ms': ({ roundTripMs }) => roundTripMs,
    median: ({ megabytesPerSecond }) => fixed(megabytesPerSecond.median, 1),
    min: ({ megabytesPerSecond }) => fixed(megabytesPerSecond.min, 1),
    max: ({ megabytesPerSecond }) => fixed(megabytesPerSecond.max, 1),
  });
}
