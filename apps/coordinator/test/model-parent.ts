/** A process with a model process in the middle of a long run; prints its pid. */
import { ModelProcess } from '../src/model-process.ts';

const modelPath = process.argv[2];
const model = new ModelProcess();
await model.ask('load', {
  modelPath,
  mask: [],
  cacheFolder: modelPath,
  device: 'cpu',
  dtype: 'fp32',
  threads: 1,
});
const tokenIds = Int32Array.from({ length: 8000 }, (_, i) => i % 300);
void model.ask('score', { rows: Array.from({ length: 50 }, () => tokenIds), with: 'engine' });
setTimeout(() => process.stdout.write(`${model.pid}\n`), 500);
