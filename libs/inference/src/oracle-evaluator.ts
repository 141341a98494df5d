import { isRemoved, makeMask, unitBlocks, unitOf, type ShapePlan, type Sweep } from '@blockpruner/blocks';
import { EmbeddingReader, type Checkpoint } from '@blockpruner/checkpoint';
import { windowSums, type Cell, type Evaluator, type IndexedRow } from '@blockpruner/perplexity';
import { EvaluationSession, type SessionOptions } from './evaluation-session.ts';

/**
 * The slow, obvious evaluator: one mask and one row at a time through the whole model, nothing shared, the head
 * in one chunk. The sweep is held against it.
 */
export class OracleEvaluator implements Evaluator {
  private readonly session: EvaluationSession;
  private readonly embedding: EmbeddingReader;

  private constructor(session: EvaluationSession, checkpoint: Checkpoint) {
    this.session = session;
    this.embedding = new EmbeddingReader(checkpoint);
  }

  static async load(checkpoint: Checkpoint, options: SessionOptions): Promise<OracleEvaluator> {
    return new OracleEvaluator(await EvaluationSession.load(checkpoint, options), checkpoint);
  }

  async evaluate(
    sweep: Sweep,
    rows: readonly IndexedRow[],
    _plan: ShapePlan,
    onCells: (cells: Cell[]) => void,
  ): Promise<void> {
    const candidates = sweep.baseline ? [...sweep.candidates, null] : sweep.candidates;
    for (const row of rows) {
      for (const candidate of candidates) {
        const removed = candidate === null ? [] : unitBlocks(unitOf(sweep), candidate);
        const mask = makeMask([...sweep.base, ...removed]);
        const tokens = row.tokenIds.length - 1;
        const pass = {
          x: this.embedding.read(row.tokenIds.subarray(0, tokens)),
          groups: 1,
          rows: 1,
          tokens,
          keep: (block: number) => !isRemoved(mask, block),
          forks: [],
          unit: unitOf(sweep),
        };
        const targets = BigInt64Array.from(row.tokenIds.subarray(1), BigInt);
        const nll = await this.session.nll(pass, targets, tokens);
        onCells([{ mask: sweep.base, candidate, row: row.index, windowSums: windowSums(nll) }]);
      }
    }
  }

  async close(): Promise<void> {
    this.embedding.close();
    await this.session.close();
  }
}
