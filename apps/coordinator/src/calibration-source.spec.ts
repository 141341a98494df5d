import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@blockpruner/testkit';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { formatCalibrationSource, parseCalibrationSources } from './calibration-source.ts';
import { UsageError } from './usage-error.ts';

describe('parseCalibrationSources', () => {
  it.each([
    ['a.json', 'a.json', null],
    ['a.json:0.5', 'a.json', 0.5],
    ['a.json:2', 'a.json', 2],
    ['a.json:.25', 'a.json', 0.25],
    ['a.json:1e-3', 'a.json', 0.001],
    ['no:such/a.json:3', 'no:such/a.json', 3],
    ['a:b', 'a:b', null],
    ['a.json:', 'a.json:', null],
    ['a.json:1x', 'a.json:1x', null],
    [':5', ':5', null],
    ['hf:org/name', 'hf:org/name', null],
    ['hf:org/name:train', 'hf:org/name:train', null],
    ['hf:org/name:train:0.7', 'hf:org/name:train', 0.7],
    ['hf:org/name@main:2024:1', 'hf:org/name@main:2024', 1],
  ])('reads %j', (text, given, weight) => {
    expect(parseCalibrationSources([text])).toEqual([{ given, weight }]);
  });

  it('takes a file of that name for a file', () => {
    const folder = temporaryFolder();
    onTestFinished(() => folder.remove());
    const file = join(folder.path, 'wiki:7');
    writeFileSync(file, 'text');
    expect(parseCalibrationSources([file])).toEqual([{ given: file, weight: null }]);
    expect(parseCalibrationSources([`${file}:2`])).toEqual([{ given: file, weight: 2 }]);
  });

  it.each(['a.json:0', 'a.json:-1', 'a.json:1e400', 'a.json:1000001', 'a.json:0.0000001'])(
    'refuses the weight of %j by value, limit and way out',
    (text) => {
      const weight = text.split(':')[1];
      expect(() => parseCalibrationSources([text])).toThrow(
        `--calibration ${text}: the weight ${weight} is not a number from 0.000001 to 1000000; give one in that range, e.g. a.json:1`,
      );
    },
  );

  it('refuses weights of which some are missing', () => {
    const parse = () => parseCalibrationSources(['a.json:0.5', 'b.txt', 'c.txt:1']);
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(
      '--calibration b.txt has no weight, and a.json has 0.5: give each set one, e.g. b.txt:1, or none of them',
    );
  });

  it('reads back what it writes', () => {
    const weight = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
    const given = fc.string({ minLength: 1 }).filter((text) => !/:[-+\d.e]*$/i.test(text));
    fc.assert(
      fc.property(fc.array(fc.record({ given, weight }), { minLength: 1, maxLength: 4 }), (sources) => {
        expect(parseCalibrationSources(sources.map(formatCalibrationSource))).toEqual(sources);
      }),
    );
  });
});
