import { writeExport } from '../src/index.ts';
import { LARGE_BYTES, planOf } from './example-plan.ts';

/** Writes the example; having made so many bytes of the large file it says so and waits to be killed. */
const [output, stopBytes = String(LARGE_BYTES)] = process.argv.slice(2);
const plan = planOf((start) => {
  if (start < Number(stopBytes)) return;
  process.send?.('waiting');
  return new Promise(() => setInterval(() => undefined, 1000));
});
try {
  await writeExport(output, plan, { identity: 'one' });
} catch (error) {
  process.stdout.write((error as Error).message);
}
process.disconnect?.();
