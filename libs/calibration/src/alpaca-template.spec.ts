import { expect, it } from 'vitest';
import { renderAlpaca } from './alpaca-template.ts';

it('renders the text column of tatsu-lab/alpaca', () => {
  expect(renderAlpaca({ instruction: 'Name a colour.', input: '', output: 'Red.' })).toBe(
    'Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n' +
      '### Instruction:\nName a colour.\n\n### Response:\nRed.',
  );
  expect(renderAlpaca({ instruction: 'Sum up.', input: 'A, B', output: 'C' })).toBe(
    'Below is an instruction that describes a task, paired with an input that provides further context. ' +
      'Write a response that appropriately completes the request.\n\n' +
      '### Instruction:\nSum up.\n\n### Input:\nA, B\n\n### Response:\nC',
  );
});
