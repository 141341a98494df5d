/** A record of the Alpaca form; an empty or absent `input` is none. */
export interface AlpacaRecord {
  readonly instruction: string;
  readonly input: string;
  readonly output: string;
}

/**
 * The prompt of Stanford Alpaca (https://github.com/tatsu-lab/stanford_alpaca, `PROMPT_DICT`) with the answer behind
 * it: what the column `text` of tatsu-lab/alpaca holds.
 */
export function renderAlpaca({ instruction, input, output }: AlpacaRecord): string {
  return input === ''
    ? 'Below is an instruction that describes a task. Write a response that appropriately completes the request.' +
        `\n\n### Instruction:\n${instruction}\n\n### Response:\n${output}`
    : 'Below is an instruction that describes a task, paired with an input that provides further context. ' +
        'Write a response that appropriately completes the request.' +
        `\n\n### Instruction:\n${instruction}\n\n### Input:\n${input}\n\n### Response:\n${output}`;
}
