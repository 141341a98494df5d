import { expect, it } from 'vitest';
import { CalibrationError } from './calibration-error.ts';

it('is one line that keeps the file and the way out, however long the path between them is', () => {
  const { message } = new CalibrationError(
    'file',
    `/data/${'deep/'.repeat(500)}\nc.csv: unknown; known are .txt`,
  );
  expect(message).toMatch(/^\/data\/deep\/[^\n]*c\.csv: unknown; known are \.txt$/);
  expect(message.length).toBeLessThan(400);
});
