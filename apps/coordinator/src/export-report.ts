import { formatMask } from '@blockpruner/blocks';
import type { PrunedModel, WriteReport } from '@blockpruner/export';
import { formatBytes, formatCount } from '@blockpruner/telemetry';
import type { CheckedExport } from './export-check.ts';
import type { ExportFormat, ExportRequest } from './export-request.ts';

/** What an export has led to. */
export interface ExportOutcome {
  readonly request: ExportRequest;
  /** Null where no model was written. */
  readonly model: PrunedModel | null;
  readonly report: WriteReport;
  /** Null where it was not checked. */
  readonly checked: CheckedExport | null;
}

/** The export in a few lines, or on one as JSON. */
export function exportReport({ request, model, report, checked }: ExportOutcome, json: boolean): string {
  const { format, dtype, output } = request;
  if (json) {
    const written = model && (isCompat(format) ? model.source : model.checkpoint).shape;
    return JSON.stringify({
      output,
      to: format.to,
      dtype,
      ...(isCompat(format) && { compat: true }),
      ...(model &&
        written && {
          mask: formatMask(model.mask),
          layers: written.layerCount,
          parameters: written.totalParameters,
          sourceParameters: model.source.shape.totalParameters,
        }),
      bytes: report.totalBytes,
      keptBytes: report.keptBytes,
      checked,
    });
  }
  return [
    `exported   ${output} (${format.to}), ${formatBytes(report.totalBytes)}${keptInWords(report)}`,
    ...(model ? [`model      ${sizeInWords(request, model)}`, `removed    ${formatMask(model.mask)}`] : []),
    ...(checked
      ? [
          `checked    on ${checked.rows} rows, by ${checked.by}: at most ${checked.differenceNats.toExponential(1)} nats from ${checked.against}`,
        ]
      : []),
  ].join('\n');
}

function keptInWords({ keptBytes }: WriteReport): string {
  return keptBytes > 0 ? `, ${formatBytes(keptBytes)} of it from an export that was interrupted` : '';
}

function sizeInWords({ format }: ExportRequest, { source, checkpoint }: PrunedModel): string {
  const [before, after] = [source.shape, checkpoint.shape];
  if (isCompat(format)) return `all ${before.layerCount} layers, zeros in the place of removed blocks`;
  const share = (1 - after.totalParameters / before.totalParameters) * 100;
  return `${after.layerCount} layers of ${before.layerCount}, ${formatCount(after.totalParameters)} parameters of ${formatCount(before.totalParameters)} (${share.toFixed(2)} % less)`;
}

function isCompat(format: ExportFormat): boolean {
  return format.to === 'hf' && format.compat;
}
