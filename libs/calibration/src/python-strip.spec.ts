import { Template } from '@huggingface/jinja';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pythonStrip, STRIP_FUNCTION, stripAsPython } from './python-strip.ts';

function render(source: string, variables: Record<string, unknown> = {}): string {
  const template = new Template(source);
  stripAsPython(template);
  return template.render({ ...variables, [STRIP_FUNCTION]: pythonStrip });
}

/** What Python 3.13 gives. */
describe('a template strips as Python does', () => {
  it.each<[string, string, string]>([
    ["{{ t.strip('\\n') }}", '\n  a \n\n', '  a '],
    ["{{ t.lstrip('\\n') }}", '\n\n  a\n', '  a\n'],
    ["{{ t.rstrip('\\n') }}", '\n a \n', '\n a '],
    ['{{ t.strip() }}', '\u001f\u0085\u3000a\u001c ', 'a'],
    ['{{ t.strip() }}', '\ufeffa\u200b', '\ufeffa\u200b'],
    ['{{ t | trim }}', ' \ufeffa\u001f', '\ufeffa'],
    ["{{ t | trim('x') }}", 'xx a x', ' a '],
    ["{{ t.strip('🎉b') }}", 'b🎉a🎊🎉', 'a🎊'],
    ["{{ t.split('|')[-1].lstrip('-').strip() }}", 'a|-- b ', 'b'],
    ['{% macro m(x) %}{{ kwargs | length }}{{ x.strip() }}{% endmacro %}{{ m(t, y=1) }}', ' a ', '1a'],
    ['{{ missing | trim }}', 'a', ''],
    ["{{ t.strip('') }}", ' a ', ' a '],
    ['{{ {"k": t.strip()}["k"] }}', ' a ', 'a'],
  ])('%s of %j', (source, t, expected) => {
    expect(render(source, { t })).toBe(expected);
  });

  it('where filters are nested deeply, in time that does not double with each', () => {
    expect(render(`{{ t${' | trim'.repeat(500)} }}`, { t: ' a ' })).toBe('a');
  });

  it('and refuses what Python refuses', () => {
    expect(() => render('{{ n.strip() }}', { n: 3 })).toThrow('strip of what is not a string');
    expect(() => render('{{ t.strip(3) }}', { t: 'a' })).toThrow('strip takes a string');
  });

  it('of both sides is that of either side after the other', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', '🎉') });
    fc.assert(
      fc.property(text, fc.option(text), (given, characters) => {
        const both = pythonStrip(given, 'strip', characters);
        expect(pythonStrip(pythonStrip(given, 'lstrip', characters), 'rstrip', characters)).toBe(both);
        expect(given).toContain(both);
        const ends = new Set(characters ?? ' \n');
        const kept = [...both];
        expect(ends.has(kept[0]) || ends.has(kept[kept.length - 1])).toBe(false);
      }),
    );
  });
});
