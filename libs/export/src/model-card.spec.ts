import { parseMask } from '@blockpruner/blocks';
import { describe, expect, it } from 'vitest';
import { modelCard } from './model-card.ts';
import type { Provenance } from './provenance.ts';

const MADE: Provenance = {
  sourceName: 'org/model',
  isOnHub: true,
  sourceFingerprint: 'sha256:12',
  mask: parseMask('mha.1+mlp.2', 4),
  sourceLayerCount: 4,
  writtenLayerCount: 4,
  sourceParameters: 200e6,
  writtenParameters: 150e6,
  form: 'nemotron-nas',
  files: 'hf',
  dtype: 'bf16',
  command: 'blockpruner export runs/first --to hf --output pruned',
  version: '0.1.0',
};
const ROWS = {
  name: 'rows.json',
  rowCount: 8,
  tokenCount: 4096,
  contentHash: 'sha256:34',
  denseScore: 2,
  prunedScore: 2.5,
};

function metadataOf(card: string): string[] {
  expect(card).toMatch(/^---\n/);
  return card.split('---\n')[1].trimEnd().split('\n');
}

describe('modelCard', () => {
  it('opens with metadata that the hub reads', () => {
    expect(metadataOf(modelCard(MADE))).toEqual([
      'library_name: transformers',
      'base_model: "org/model"',
      'tags:',
      '- blockpruner',
      '- block-pruning',
      '- nemotron-nas',
    ]);
  });

  it('links to no base model that is not on the hub, whatever its name', () => {
    const card = modelCard({ ...MADE, sourceName: 'a: "b"\n# c`d', isOnHub: false, form: 'plain' });
    expect(metadataOf(card)).toEqual([
      'library_name: transformers',
      'tags:',
      '- blockpruner',
      '- block-pruning',
    ]);
    expect(card).toContain('# a: "b" # c`d without 2 blocks\n');
    expect(card).toContain('`a: "b" # c d`');
  });

  it('says of a model that lacks nothing that nothing was removed', () => {
    const card = modelCard({ ...MADE, mask: [], removalOrder: [] });
    expect(card).toContain(
      '# org/model\n\nWritten by BlockPruner, with no block removed.\n\n- removed: nothing\n- parameters',
    );
    expect(modelCard({ ...MADE, mask: [5] })).toContain('# org/model without 1 block\n');
  });

  it('says what was removed, how large the rest is, and by which command', () => {
    const card = modelCard({ ...MADE, removalOrder: [5, 2], search: 'race of confidence 0.95' });
    expect(card).toContain('- removed: `mha.1+mlp.2`, numbered as in the source from 0\n');
    expect(card).toContain('- in this order: `mlp.2 mha.1`\n');
    expect(card).toContain('- found by: race of confidence 0.95\n');
    expect(card).toContain('- parameters: 200.0 M before, 150.0 M after (25.00 % less)\n');
    expect(card).toContain('- command: `blockpruner export runs/first --to hf --output pruned`\n');
    expect(card).not.toContain('## Scores');
    expect(card).not.toContain('undefined');
  });

  it('has scores and perplexities of calibration and held-out rows, and what they are', () => {
    const card = modelCard({
      ...MADE,
      calibration: ROWS,
      heldOut: { ...ROWS, name: 'other.txt', denseScore: 0 },
    });
    expect(card).toContain('| calibration | 2.000000 | 7.3891 | 2.500000 | 12.1825 |\n');
    expect(card).toContain('| held out | 0.000000 | 1.0000 | 2.500000 | 12.1825 |\n');
    expect(card).toContain('- calibration: `rows.json`, 8 rows, 4096 tokens, `sha256:34`\n');
    expect(card).toContain('- held out: `other.txt`, 8 rows, 4096 tokens, `sha256:34`\n');
  });

  it('names runtimes that were tried, and those that were not as such', () => {
    expect(modelCard(MADE)).toContain('where it was not run');
    expect(modelCard({ ...MADE, form: 'compat' })).toContain('no faster than the source');
    expect(modelCard({ ...MADE, form: 'plain' })).not.toContain('trust_remote_code');
  });

  it('of other files names what reads those', () => {
    const graph = modelCard({ ...MADE, files: 'onnx' });
    expect(graph).toContain('onnxruntime_genai');
    expect(graph).not.toContain('library_name');
    const both = modelCard({ ...MADE, files: 'hf+onnx' });
    expect(both).toContain('trust_remote_code');
    expect(both).toContain('onnxruntime_genai');
    expect(modelCard({ ...MADE, files: 'gguf' })).toContain('architecture `deci`');
    expect(modelCard({ ...MADE, files: 'gguf', form: 'plain' })).not.toContain('deci');
  });
});
