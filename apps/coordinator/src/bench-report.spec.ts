import { expect, it } from 'vitest';
import { benchRatios, benchResult, benchTable } from './bench-report.ts';

const MEASURED = {
  prefillSeconds: 0.5,
  firstTokenSeconds: 0.501,
  decodeSeconds: 2,
  residentBytes: 2 ** 30,
  weightBytes: 2 ** 29,
  cacheBytesPerToken: 2 ** 15,
};
const ASKED = { promptTokens: 256, newTokens: 48 };

it('takes the median of the rounds', () => {
  const rounds = [1, 2, 4, 3].map((decodeSeconds) => ({ ...MEASURED, decodeSeconds }));
  expect(benchResult('m', ASKED, rounds)).toEqual({
    model: 'm',
    prefillTokensPerSecond: 512,
    decodeTokensPerSecond: (48 / 2 + 48 / 3) / 2,
    firstTokenSeconds: 0.501,
    residentBytes: 2 ** 30,
    weightBytes: 2 ** 29,
    cacheBytesPerToken: 2 ** 15,
  });
});

it('holds each model against the first', () => {
  const dense = benchResult('run@0', ASKED, [MEASURED]);
  const pruned = benchResult('run@9', ASKED, [{ ...MEASURED, decodeSeconds: 1, weightBytes: 2 ** 28 }]);
  expect(benchRatios(pruned, dense)).toMatchObject({ decodeTokensPerSecond: 2, weightBytes: 0.5 });
  const [, , first, second] = benchTable([dense, pruned]).split('\n');
  expect(first).toMatch(/run@0 .* 512\.0 .* 24\.0 .* 501 ms .* 1\.00 GiB .* 512 MiB .* 32\.0 KiB/);
  expect(second).toMatch(/512\.0 \(1\.00x\) .* 48\.0 \(2\.00x\) .* 256 MiB \(0\.50x\)/);
});
