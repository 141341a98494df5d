import { describe, expect, it } from 'vitest';
import { gpuInfo } from './gpu-info.ts';
import { tryGpu } from './gpu-trial.ts';

const PATH = process.env.PATH;

describe('tryGpu', () => {
  it.skipIf(gpuInfo(0, undefined) !== undefined)('says in one line why there is no GPU', async () => {
    await expect(tryGpu('cuda:0', { PATH })).rejects.toThrow(
      /^cuda:0: .*(install-cuda-provider|NVIDIA driver|nvidia\.com\/gpu)[^\n]*$/,
    );
  });

  it('says that the process did not survive', async () => {
    const crash = 'data:text/javascript,process.kill(process.pid,11)';
    const died = tryGpu('cuda:1', { PATH, NODE_OPTIONS: `--import ${crash}` });
    await expect(died).rejects.toThrow(/^cuda:1: trying it ended the process by SIGSEGV: run /);
  });
});
