import type { StopRule } from '@blockpruner/blocks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requireStopRule, stopOptions, stopRule } from './stop-options.ts';
import { setting } from './setting.ts';
import { STOP_SETTINGS } from './target-settings.ts';
import { UsageError } from './usage-error.ts';

type Given = { readonly [Name in (typeof STOP_SETTINGS)[number]]?: string };

/** As the command line gives them. */
function resolved(given: Given) {
  const values = Object.fromEntries(
    STOP_SETTINGS.filter((name) => given[name] !== undefined).map((name) => [
      name,
      setting(name).schema.parse(given[name]),
    ]),
  );
  return { values, origins: {} };
}

const ruleOf = (given: Given): StopRule | undefined => stopRule(resolved(given));

describe('stopRule', () => {
  it.each<[Given, StopRule | undefined]>([
    [{}, undefined],
    [{ remove: '3' }, { kind: 'remove', count: 3 }],
    [{ ratio: '0.2' }, { kind: 'ratio', ratio: 0.2 }],
    [{ targetParams: '1.1B' }, { kind: 'target-params', parameters: 1_100_000_000 }],
    [{ maxPerplexity: '12.5' }, { kind: 'all', limit: { kind: 'perplexity', perplexity: 12.5 } }],
    [{ maxIncrease: '20%' }, { kind: 'all', limit: { kind: 'increase', increase: 0.2 } }],
    [
      { ratio: '0.2', maxIncrease: '7.5 %' },
      { kind: 'ratio', ratio: 0.2, limit: { kind: 'increase', increase: 0.075 } },
    ],
  ])('makes of %o %o', (given, rule) => {
    expect(ruleOf(given)).toEqual(rule);
  });

  it('takes one goal and one limit', () => {
    expect(() => ruleOf({ remove: '3', ratio: '0.2' })).toThrow(
      new UsageError('--remove 3 and --ratio 0.2 exclude each other: give one of them'),
    );
    expect(() => ruleOf({ ratio: '0.2', targetParams: '9k' })).toThrow(
      /--ratio 0\.2 and --target-params 9000/,
    );
    expect(() => ruleOf({ maxPerplexity: '9', maxIncrease: '2%' })).toThrow(/exclude each other/);
    expect(() => requireStopRule(resolved({}))).toThrow(/how much is to go\? give --remove <k> blocks/);
  });

  it.each<Given>([
    { maxIncrease: '20' },
    { maxIncrease: '-1%' },
    { maxIncrease: '%' },
    { maxPerplexity: '1' },
    { targetParams: '0' },
    { targetParams: '1.1G' },
    { remove: '0' },
  ])('refuses %o', (given) => {
    expect(() => ruleOf(given)).toThrow();
  });
});

describe('stopOptions', () => {
  it('ask for the same rule again', () => {
    const goal = fc.oneof(
      fc.record({ remove: fc.integer({ min: 1, max: 500 }).map(String) }),
      fc.record({ ratio: fc.integer({ min: 1, max: 999 }).map((mille) => String(mille / 1000)) }),
      fc.record({ targetParams: fc.integer({ min: 1, max: 2 ** 40 }).map(String) }),
      fc.constant({}),
    );
    const limit = fc.oneof(
      fc.record({ maxPerplexity: fc.integer({ min: 101, max: 99_999 }).map((cents) => String(cents / 100)) }),
      fc.record({ maxIncrease: fc.integer({ min: 0, max: 99_999 }).map((each) => `${each / 100}%`) }),
    );
    const asked = fc.tuple(goal, fc.option(limit)).map(([a, b]): Given => ({ ...a, ...b }));
    fc.assert(
      fc.property(asked, (given) => {
        const rule = ruleOf(given);
        if (!rule) return;
        const words = stopOptions(rule).split(' ');
        const again = Object.fromEntries(
          STOP_SETTINGS.flatMap((name) => {
            const at = words.indexOf(`--${setting(name).key}`);
            return at < 0 ? [] : [[name, words[at + 1]]];
          }),
        );
        expect(ruleOf(again)).toEqual(rule);
      }),
    );
  });
});
