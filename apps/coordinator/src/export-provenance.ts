import { isPlain, type Provenance, type PrunedModel, type ScoredRows } from '@blockpruner/export';
import { calibrationRowCount, type RunView } from '@blockpruner/journal';
import { ownVersion } from './environment.ts';
import type { MeasuredHealing } from './export-healing.ts';
import type { ExportFormat } from './export-request.ts';
import type { SizeOfRun } from './model-reference.ts';
import type { PruneSettings } from './prune-settings.ts';
import { removalOrderOf } from './removal-lists.ts';
import { methodInWords } from './search-settings.ts';

/**
 * What a model card says of where the model comes from.
 * @param then the options that the run was created with
 */
export function exportProvenance(
  of: SizeOfRun,
  then: PruneSettings,
  model: PrunedModel,
  format: Exclude<ExportFormat, { to: 'mask' }>,
  dtype: string,
  healed: MeasuredHealing | null,
): Provenance {
  const { view, size } = of;
  const { source, checkpoint, mask } = model;
  const { config, dense, decisions } = view;
  const isCompat = format.to === 'hf' && format.compat;
  const written = isCompat ? source.shape : checkpoint.shape;
  const named = then.values.model ?? source.sourcePath;
  const isOnHub = /^[\w.-]+\/[\w.-]+@/.test(named);
  const last = mask.length === 0 ? dense : (decisions[size.decisions - 1] ?? dense?.start ?? dense);
  const calibration = [then.values.calibration ?? []].flat().map(publicName).join(', ');
  const heldOutCount = config.heldOutRowCount ?? 0;
  return {
    sourceName: isOnHub ? named.replace(/@.*/, '') : publicName(named),
    isOnHub,
    sourceFingerprint: source.fingerprint,
    mask,
    removalOrder: removalOrderOf(of),
    ...(healed && {
      healing: {
        factorCount: healed.healing.size,
        otherRowCount: healed.otherRows.length,
        without: healed.without,
        healed: healed.healed,
      },
    }),
    search: methodInWords(config),
    ...(dense && {
      calibration: scoredRows(view, calibration, 'calibration', dense.score, size.score),
      ...(heldOutCount > 0 &&
        dense.heldOut &&
        last?.heldOut && {
          heldOut: scoredRows(
            view,
            publicName(then.values.heldOut ?? ''),
            'held-out',
            dense.heldOut.score,
            last.heldOut.score,
          ),
        }),
    }),
    sourceLayerCount: source.shape.layerCount,
    writtenLayerCount: written.layerCount,
    sourceParameters: source.shape.totalParameters,
    writtenParameters: written.totalParameters,
    form: isCompat ? 'compat' : isPlain(model) ? 'plain' : 'nemotron-nas',
    files: filesOf(format),
    dtype,
    command: ['blockpruner', ...process.argv.slice(2).map(publicName)].join(' '),
    version: ownVersion(),
  };
}

/** A card is published; where files lie on this machine is nobody's business. */
function publicName(given: string): string {
  return given.startsWith('hf:') ? given : given.replace(/^(--[a-z-]+=)?.*\//, '$1');
}

function scoredRows(
  { config }: RunView,
  name: string,
  use: 'calibration' | 'held-out',
  denseScore: number,
  prunedScore: number,
): ScoredRows {
  const count = calibrationRowCount(config);
  const tokens = use === 'calibration' ? config.rowTokens.slice(0, count) : config.rowTokens.slice(count);
  return {
    name,
    rowCount: tokens.length,
    tokenCount: tokens.reduce((sum, each) => sum + each, 0),
    contentHash: use === 'calibration' ? config.calibrationHash : (config.heldOutHash ?? ''),
    denseScore,
    prunedScore,
  };
}

function filesOf(format: Exclude<ExportFormat, { to: 'mask' }>): Provenance['files'] {
  if (format.to !== 'onnx') return format.to;
  return format.dtype === 'int4' ? 'onnx' : 'hf+onnx';
}
