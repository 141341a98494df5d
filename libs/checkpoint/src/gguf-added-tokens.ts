import type { AddedToken, TokenizerDocument } from './tokenizer-document.ts';

/**
 * What is not the same where llama.cpp finds added tokens, which it takes as they are anywhere in a text.
 * @returns notes on special tokens, whose surroundings alone differ; a text, why not, when ordinary text would
 */
export function addedTokenNotes({ addedTokens, normalizers }: TokenizerDocument): string[] | string {
  const isReplaceOnly = normalizers.every((step) => (step as { type?: unknown } | null)?.type === 'Replace');
  const particular = addedTokens.filter(
    ({ isParticular, normalized }) => isParticular || (normalized && !isReplaceOnly),
  );
  const ordinary = particular.find(({ special }) => !special);
  if (ordinary) return `its token ${shown(ordinary)} is looked for otherwise than as it is`;
  if (particular.length === 0) return [];
  return [
    `text beside ${particular.length} special tokens, as ${shown(particular[0])}, may get other tokens: ` +
      'llama.cpp finds them as they are, anywhere',
  ];
}

function shown({ content }: AddedToken): string {
  return JSON.stringify(content.slice(0, 40));
}
