import { ArtifactStore, identifyFiles, ModelCache, type ServedModel } from '../src/index.ts';
import { LyingSource } from './lying-source.ts';

/** What a process of its own is to fetch, from the files themselves, as slowly as told. */
export interface FetchOrder {
  readonly fingerprint: string;
  readonly files: readonly { readonly name: string; readonly path: string }[];
  readonly hashFolder: string;
  readonly cacheFolder: string;
  readonly limitBytes: number | null;
  readonly bytesPerSecond: number | null;
  readonly chunkBytes: number;
}

/** What it says. */
export type FetchNews =
  | { readonly kind: 'event'; readonly event: string; readonly doneBytes: number }
  | { readonly kind: 'done'; readonly path: string; readonly servedBytes: number }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

process.once('message', (order: FetchOrder) => void fetch(order));
setInterval(() => undefined, 1000); // holds the model until it is killed

async function fetch({
  fingerprint,
  files,
  hashFolder,
  cacheFolder,
  limitBytes,
  ...order
}: FetchOrder): Promise<void> {
  const say = (news: FetchNews): void => void process.send?.(news);
  try {
    const model: ServedModel = { fingerprint, entry: null, files: await identifyFiles(files) };
    const store = await ArtifactStore.open(model, { cacheFolder: hashFolder, maxStreams: 8, ...order });
    const source = new LyingSource(store);
    const { path } = await new ModelCache({ cacheFolder, limitBytes }).fetch(fingerprint, source, {
      signal: new AbortController().signal,
      onEvent: (event) =>
        say({ kind: 'event', event: event.kind, doneBytes: event.kind === 'bytes' ? event.doneBytes : 0 }),
    });
    say({ kind: 'done', path, servedBytes: source.servedBytes });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    say({ kind: 'failed', code: code ?? '', message });
  }
}
