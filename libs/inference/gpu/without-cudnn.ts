import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@blockpruner/testkit';

const LOADS_CUDNN = `
  try { process.dlopen({ exports: {} }, 'libcudnn.so.9'); }
  catch (error) { process.exitCode = error.message.includes('self-register') ? 0 : 1; }`;

/** An environment whose library path has all that the given one's has, but cuDNN. */
export function withoutCudnn(environment: NodeJS.ProcessEnv): {
  environment: NodeJS.ProcessEnv;
  isHidden: boolean;
  remove(): void;
} {
  const copies = temporaryFolder();
  const folders = (environment.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => existsSync(folder));
  const replaced = folders.map((folder, i) => {
    const files = readdirSync(folder);
    if (!files.some((file) => file.startsWith('libcudnn'))) return folder;
    const copy = join(copies.path, `${i}`);
    mkdirSync(copy);
    for (const file of files) {
      if (!file.startsWith('libcudnn')) symlinkSync(join(folder, file), join(copy, file));
    }
    return copy;
  });
  const changed = { ...environment, LD_LIBRARY_PATH: replaced.join(':') };
  const isHidden = spawnSync(process.execPath, ['-e', LOADS_CUDNN], { env: changed }).status === 1;
  return { environment: changed, isHidden, remove: () => copies.remove() };
}
