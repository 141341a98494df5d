/** The tokenizer.json of the first words of a text. */
export function wordTokenizer(text: string, vocabSize: number): string {
  const words = ['[UNK]', ...new Set(text.match(/\S+/g))].slice(0, vocabSize);
  return JSON.stringify({
    version: '1.0',
    added_tokens: [],
    pre_tokenizer: { type: 'WhitespaceSplit' },
    model: {
      type: 'WordLevel',
      vocab: Object.fromEntries(words.map((word, id) => [word, id])),
      unk_token: '[UNK]',
    },
  });
}
