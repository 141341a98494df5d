import { readTokenizerFiles, type Checkpoint } from '@blockpruner/checkpoint';

/**
 * What to say where a folder is written without a tokenizer, which a GGUF may have in a form that none can be made of.
 * @returns none where it has one, or the files that one is made of
 * @throws CheckpointError when a file of the source cannot be read any more
 */
export async function tokenizerNotes({ sourcePath }: Pick<Checkpoint, 'sourcePath'>): Promise<string[]> {
  const { absence } = await readTokenizerFiles(sourcePath);
  if (absence === null || absence.wayOut !== null) return [];
  return [`${absence.reason}: what is written takes and gives token ids, not text`];
}
