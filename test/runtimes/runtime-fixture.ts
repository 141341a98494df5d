import type { PrunedModel } from '@blockpruner/export';
import { temporaryFolder, type TemporaryFolder } from '@blockpruner/testkit';
import { afterAll, afterEach, beforeEach } from 'vitest';
import {
  writeExportAs,
  type Form,
  type WrittenDtype,
} from '../../tools/reference/runtimes/write-export-as.ts';
import { LargestDifference } from './largest-difference.ts';
import { RuntimePool } from './runtime-pool.ts';
import type { Runtime, RuntimeAnswer } from './runtime-process.ts';
import type { TestText } from './test-text.ts';

/** What a file of tests has: the processes of runtimes, what they differed by, and a folder that each test finds empty. */
export interface RuntimeFixture {
  readonly runtimes: RuntimePool;
  readonly largest: LargestDifference;
  readonly folder: () => string;
  /** Writes an export into the folder and runs it. */
  readonly runExport: (
    runtime: Runtime,
    model: PrunedModel,
    form: Form,
    dtype: WrittenDtype,
    text: TestText,
  ) => Promise<RuntimeAnswer>;
}

/** To be called once, at the top of a file: the processes end with its tests, and the differences are printed. */
export function runtimeFixture(): RuntimeFixture {
  const runtimes = new RuntimePool();
  const largest = new LargestDifference();
  let folder: TemporaryFolder;
  beforeEach(() => void (folder = temporaryFolder()));
  afterEach(() => folder.remove());
  afterAll(() => {
    runtimes.close();
    largest.print();
  });
  return {
    runtimes,
    largest,
    folder: () => folder.path,
    runExport: async (runtime, model, form, dtype, text) => {
      const path = await writeExportAs(model, form, dtype, folder.path);
      return runtimes.run(runtime, { model: path, ...text });
    },
  };
}
