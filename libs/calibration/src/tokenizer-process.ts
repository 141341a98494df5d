import { BoundedProcess, type Bounds, type Refusal } from './bounded-process.ts';
import { CalibrationError } from './calibration-error.ts';

/** A token by its text and its id. */
export interface NamedToken {
  readonly token: string;
  readonly id: number;
}

type Task =
  | { readonly kind: 'load'; readonly json: string }
  | { readonly kind: 'encode'; readonly texts: readonly string[]; readonly addSpecialTokens: boolean }
  | { readonly kind: 'decode'; readonly ids: Int32Array };

/** To the child: what to do, and the memory that the child may hold meanwhile. */
export type TokenizerRequest = Task & { readonly maxBytes: number };

/** From it: one reply to each request. */
export type TokenizerReply =
  | {
      readonly kind: 'loaded';
      readonly prefix: readonly NamedToken[];
      readonly suffix: readonly NamedToken[];
    }
  | { readonly kind: 'ids'; readonly ids: readonly Int32Array[] }
  | { readonly kind: 'text'; readonly text: string }
  | Refusal;

type Replies = {
  load: Extract<TokenizerReply, { kind: 'loaded' }>;
  encode: Extract<TokenizerReply, { kind: 'ids' }>;
  decode: Extract<TokenizerReply, { kind: 'text' }>;
};

/** What a child may use: a base, and what each character of tokenizer.json and of the texts adds. */
interface TokenizerBounds {
  readonly baseBytes: number;
  readonly baseMs: number;
  readonly idleMs: number;
}

/** Node and a small vocabulary take 100 MiB; a few seconds start a process on a busy machine. */
const BOUNDS: TokenizerBounds = { baseBytes: 2 ** 29, baseMs: 30_000, idleMs: 5_000 };
/** Measured: 13 for vocabularies of 9 to 11 MB. */
const BYTES_OF_JSON_CHARACTER = 40;
/** Measured: 110 to 160 for English, 540 for rare ideographs, of which each is three tokens. */
const BYTES_OF_TEXT_CHARACTER = 800;
/** What an empty text takes, with room for special tokens. */
const CHARACTERS_OF_TEXT = 16;
/** Measured: 0.7 to 3 µs a character of text on an idle core; a loaded tokenizer.json takes 0.05. */
const MS_OF_CHARACTER = 0.02;
/** Of JavaScript: token ids as lists of numbers. */
const MAX_HEAP_BYTES = 2 ** 32;
const WAY_OUT = 'tokenizer.json may be damaged, fetch it again';
const CHILD_MAIN = new URL('./tokenizer-child.ts', import.meta.url);

/**
 * Hugging Face's tokenizers library in a process of its own. The library is native code that aborts the whole process
 * on what it does not expect. Tried: a regular expression such as `(a+)+$` on a text that it backtracks on, a
 * replacement of the empty text, a template that names a missing token, a damaged character map, a prefix longer than
 * a merged token, a chunk length of 0; and forty replacements that lengthen a text, which fill the memory.
 *
 * Invariants:
 * 1. There is at most one child; it has loaded the tokenizer before it is asked for anything else.
 * 2. The child works on one request at a time, in the order of the calls.
 * 3. A child that died, or broke a bound of time or memory, is gone; so is one that was idle for `idleMs`. The next
 *    request starts another one, so that nobody has to end it and a search does not keep its memory.
 */
export class TokenizerProcess {
  private readonly source: string;
  private readonly json: string;
  private readonly bounds: TokenizerBounds;
  private child: BoundedProcess<TokenizerRequest, TokenizerReply> | null = null;
  private last: Promise<unknown> = Promise.resolve();
  private idleTimer: NodeJS.Timeout | undefined;

  constructor(source: string, json: string, bounds: Partial<TokenizerBounds> = {}) {
    this.source = source;
    this.json = json;
    this.bounds = { ...BOUNDS, ...bounds };
  }

  /** @throws CalibrationError when the tokenizer cannot be loaded */
  load(): Promise<Replies['load']> {
    return this.queue(() => this.start());
  }

  /** @throws CalibrationError when the texts cannot be encoded */
  async encode(texts: readonly string[], addSpecialTokens: boolean): Promise<readonly Int32Array[]> {
    const characters = texts.reduce((sum, text) => sum + text.length + CHARACTERS_OF_TEXT, 0);
    const task: Task = { kind: 'encode', texts, addSpecialTokens };
    return (await this.request<'encode'>(task, characters, 'its tokenizer, on this text,')).ids;
  }

  /** @throws CalibrationError when the ids cannot be decoded */
  async decode(ids: Int32Array): Promise<string> {
    const task: Task = { kind: 'decode', ids };
    return (await this.request<'decode'>(task, ids.length, 'its tokenizer, on these ids,')).text;
  }

  private request<K extends 'encode' | 'decode'>(
    task: Task,
    characters: number,
    what: string,
  ): Promise<Replies[K]> {
    return this.queue(async () => {
      if (this.child === null) await this.start();
      return this.ask<K>(task, characters, what);
    });
  }

  private async start(): Promise<Replies['load']> {
    this.end();
    this.child = new BoundedProcess(CHILD_MAIN, { ...this.boundsFor(0), heapBytes: MAX_HEAP_BYTES });
    return this.ask<'load'>({ kind: 'load', json: this.json }, 0, 'its tokenizer, when it is loaded,');
  }

  private async ask<K extends keyof Replies>(
    task: Task,
    characters: number,
    what: string,
  ): Promise<Replies[K]> {
    const { child, source } = this;
    const bounds = this.boundsFor(characters);
    try {
      const request = { ...task, maxBytes: bounds.heapBytes };
      return (await child?.ask(request, `${source}: ${what}`, bounds)) as Replies[K];
    } catch (error) {
      this.child = null;
      if (!(error instanceof CalibrationError) || error.code !== 'tokenizer') throw error;
      // The library quotes the file.
      const reason = error.message.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 120);
      throw new CalibrationError('tokenizer', `${source}: ${what} says: ${reason}; ${WAY_OUT}`);
    }
  }

  private boundsFor(characters: number): Bounds {
    const { baseBytes, baseMs } = this.bounds;
    const bytes =
      baseBytes + BYTES_OF_JSON_CHARACTER * this.json.length + BYTES_OF_TEXT_CHARACTER * characters;
    const ms = baseMs + MS_OF_CHARACTER * (this.json.length + characters);
    return {
      heapBytes: Math.ceil(bytes / 2 ** 20) * 2 ** 20,
      maxMs: Math.ceil(ms / 1000) * 1000,
      wayOut: WAY_OUT,
    };
  }

  /** Runs `work` when all before it is done (2), and watches for idleness after it (3). */
  private queue<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.idleTimer);
    const result = this.last.then(work);
    const settled = result
      .catch(() => undefined)
      .then(() => {
        if (this.last === settled) this.idleTimer = setTimeout(() => this.end(), this.bounds.idleMs).unref();
      });
    this.last = settled;
    return result;
  }

  private end(): void {
    this.child?.close();
    this.child = null;
  }
}
