import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeScratchFolder } from '../src/index.ts';

/** Makes a scratch folder in the folder that it is told, says so, and uses it until it is killed. */
const { path } = await makeScratchFolder(process.argv[2], 'check');
await writeFile(join(path, 'weights'), 'many');
process.send?.('made');
setInterval(() => undefined, 1000);
