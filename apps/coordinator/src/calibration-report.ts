import type { CalibrationReport } from '@blockpruner/calibration';
import { formatTable } from '@blockpruner/telemetry';

/** What `calibration inspect` prints for people. */
export function calibrationReport(report: CalibrationReport): string {
  const { lengths, forms, duplicates, dropped } = report;
  const unit = 'token-ids' in forms ? 'tokens' : 'characters';
  const kinds = Object.entries(forms).map(([form, count]) => `${count} ${form}`);
  const lines: [string, string][] = [
    ['files', `${report.files.length}`],
    ['records', `${report.records} (${kinds.join(', ')})`],
  ];
  if (report.characters > 0) lines.push(['characters', `${report.characters}`]);
  if (lengths) {
    lines.push(['record length', `${lengths.min} to ${lengths.max} ${unit}, median ${lengths.median}`]);
  }
  lines.push(['duplicates', `${duplicates}`]);
  if (report.rows === null) lines.push(['rows', 'none']);
  else {
    lines.push(
      ['rows', `${report.rows} of ${report.availableRows}, ${report.tokens} tokens`],
      ['dropped tokens', `${report.droppedTokens}`],
      ['content hash', `${report.contentHash}`],
    );
  }
  const width = Math.max(...lines.map(([title]) => title.length));
  return [
    ...lines.map(([title, value]) => `${title.padEnd(width)}  ${value}`),
    ...section('dropped', dropped.length > 0, () =>
      formatTable(dropped, [
        { title: 'why', value: ({ reason }) => reason },
        { title: 'records', value: ({ count }) => count, align: 'right' },
        { title: 'first', value: ({ first }) => first },
      ]),
    ),
    ...section('most repeated', report.mostRepeated.length > 0, () =>
      report.mostRepeated.map(({ count, text }) => `${count} x ${JSON.stringify(text)}`).join('\n'),
    ),
    ...section('first records', true, () => report.sample.map((text) => JSON.stringify(text)).join('\n')),
    ...section('first row', report.firstRow !== null, () => JSON.stringify(report.firstRow)),
    ...section('notes', report.notes.length > 0, () => report.notes.join('\n')),
  ].join('\n');
}

function section(title: string, isThere: boolean, content: () => string): string[] {
  return isThere ? ['', `${title}:`, content()] : [];
}
