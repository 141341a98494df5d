/** Main of a process that export-memory.ts measures: writes one export, and says what that took of the process itself. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseMask } from '@blockpruner/blocks';
import { openCheckpoint, type Dtype } from '@blockpruner/checkpoint';
import { exportIdentity, planHuggingFace, prunedModel, writeExport } from '@blockpruner/export';
import { timed } from './timing.ts';

export interface ExportRequest {
  readonly source: string;
  readonly output: string;
  readonly mask: string;
  readonly dtype: 'source' | Dtype;
}

export interface ExportFigures {
  readonly writtenBytes: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Resident, with the model planned and nothing written. */
  readonly idleBytes: number;
  /** The most that was ever resident. */
  readonly peakBytes: number;
  readonly progressCalls: number;
}

function peakBytes(): number {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))!;
  return 1024 * Number(kibibytes);
}

const { dtype, mask, output, source } = JSON.parse(process.argv[2]) as ExportRequest;
const checkpoint = await openCheckpoint(source, { cacheFolder: join(output, '../cache') });
const model = prunedModel(checkpoint, parseMask(mask, checkpoint.shape.layerCount));
const plan = await planHuggingFace(model, { dtype, compat: false, card: '' });
const idleBytes = process.memoryUsage().rss;
let writtenBytes = 0;
let progressCalls = 0;
const timing = await timed(async () => {
  const onProgress = (): void => void progressCalls++;
  const report = await writeExport(output, plan, { identity: exportIdentity(model, {}), onProgress });
  writtenBytes = report.totalBytes;
});
const figures: ExportFigures = { ...timing, writtenBytes, idleBytes, peakBytes: peakBytes(), progressCalls };
process.send!(figures);
process.disconnect();
