import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CudaFacts } from './cuda-facts.ts';
import { cudaObstacle, explainCudaFailure, wayToLibrary } from './cuda-failure.ts';

const NEEDED = [
  'libcublasLt.so.13',
  'libcublas.so.13',
  'libcurand.so.10',
  'libcudart.so.13',
  'libcuda.so.1',
  'libc.so.6',
];

/** A machine on which all is well, but for what is said. */
const facts = (but: Partial<CudaFacts> = {}, missing: readonly string[] = []): CudaFacts => ({
  engineVersion: '1.30.0',
  bindingFolder: '/app/node_modules/onnxruntime-node/bin/napi-v6/linux/x64',
  provider: 'present',
  libraries: NEEDED.map((name) => ({ name, isFound: !missing.includes(name) })),
  driverVersion: '580.95.05',
  gpuCount: 1,
  ...but,
});

// What onnxruntime-node 1.30.0 said with the provider of the wheel onnxruntime-gpu 1.30.0, the CUDA 13.0 libraries of
// PyPI, and a stand-in for libcuda.so.1 whose cuInit failed with the number.
const LOAD_FAILED = 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library';
const NO_BACKEND = 'no available backend found. ERR: [cuda] backend not found.';
const cudaFailure = (number: number, text: string): string =>
  `/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 std::conditional_t<THRW, void, onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, SUCCTYPE, const char*, const char*, int) [with ERRTYPE = cudaError; bool THRW = true; SUCCTYPE = cudaError; std::conditional_t<THRW, void, common::Status> = void] /onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:146 std::conditional_t<THRW, void, onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, SUCCTYPE, const char*, const char*, int) [with ERRTYPE = cudaError; bool THRW = true; SUCCTYPE = cudaError; std::conditional_t<THRW, void, common::Status> = void] CUDA failure ${number}: ${text} ; GPU=-1 ; hostname=vm ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; line=352 ; expr=cudaSetDevice(info_.device_id); \n\n`;
const TOO_OLD = cudaFailure(35, 'CUDA driver version is insufficient for CUDA runtime version');
const logged = (error: string): string =>
  `\x1b[1;31m2026-11-24 18:00:27.612870942 [E:onnxruntime:onnxruntime-node, provider_bridge_ort.cc:2146 Create] /onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:1988 onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library /app/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so with error: ${error}\n\x1b[m`;

describe('explainCudaFailure', () => {
  it.each([
    [
      'no provider',
      LOAD_FAILED,
      facts({ provider: 'absent', libraries: [] }),
      /1\.30\.0 comes without its CUDA provider .*: run tools\/install-cuda-provider, or take the image for GPUs$/,
    ],
    [
      'a provider cut short',
      LOAD_FAILED,
      facts({ provider: 'incomplete', libraries: [] }),
      /cut short.*run tools\/install-cuda-provider again$/,
    ],
    [
      'a provider of another version',
      LOAD_FAILED,
      facts({ provider: 'other-version' }),
      /not of version 1\.30\.0.*install-cuda-provider again$/,
    ],
    [
      'no CUDA libraries',
      LOAD_FAILED,
      facts({}, NEEDED.slice(0, 5)),
      /missing \(libcublasLt\.so\.13, libcublas\.so\.13, libcurand\.so\.10, libcudart\.so\.13\): .*--libraries <folder>.*LD_LIBRARY_PATH$/,
    ],
    [
      'no driver',
      LOAD_FAILED,
      facts({ driverVersion: undefined, gpuCount: 0 }, ['libcuda.so.1']),
      /^libcuda\.so\.1 is missing: there is no NVIDIA driver.*branch 580 or newer/,
    ],
    [
      'a container without a GPU',
      LOAD_FAILED,
      facts({ gpuCount: 0 }, ['libcuda.so.1']),
      /no GPU was given to this container: docker run --gpus all, or nvidia\.com\/gpu: 1/,
    ],
    [
      'a container without the driver',
      LOAD_FAILED,
      facts({}, ['libcuda.so.1']),
      /NVIDIA_DRIVER_CAPABILITIES=compute,utility$/,
    ],
    [
      'no C++ runtime',
      LOAD_FAILED,
      facts({ libraries: [{ name: 'libstdc++.so.6', isFound: false }] }),
      /^libstdc\+\+\.so\.6 is missing: .*apt install/,
    ],
    ['an old C library', LOAD_FAILED, facts({}, ['libc.so.6']), /^libc\.so\.6 is missing: .*glibc 2\.28/],
    [
      'a reason in the log alone',
      logged('libcublasLt.so.13: cannot open shared object file: No such file or directory'),
      facts(),
      /^libcublasLt\.so\.13 is missing: .*install-cuda-provider --libraries/,
    ],
    ['another platform', NO_BACKEND, facts({ provider: 'absent', libraries: [] }), /Linux on x86-64$/],
    [
      'an old driver',
      TOO_OLD,
      facts({ driverVersion: '535.183.01' }),
      /driver 535\.183\.01 is too old for CUDA 13: install branch 580/,
    ],
    ['a driver that is not asked', TOO_OLD, facts(), /driver 580\.95\.05 does not answer.*LD_LIBRARY_PATH/],
    [
      'a driver that lacks functions',
      LOAD_FAILED,
      facts({ driverVersion: '470.256.02' }),
      /driver 470\.256\.02 is too old/,
    ],
    [
      'CUDA without a driver',
      TOO_OLD,
      facts({ driverVersion: undefined, gpuCount: 0 }),
      /there is no NVIDIA driver/,
    ],
    ['CUDA in a container without a GPU', TOO_OLD, facts({ gpuCount: 0 }), /no GPU was given/],
    [
      'no device',
      cudaFailure(100, 'no CUDA-capable device is detected'),
      facts({ gpuCount: 0 }),
      /no GPU was given/,
    ],
    [
      'hidden devices',
      cudaFailure(100, 'no CUDA-capable device is detected'),
      facts(),
      /CUDA_VISIBLE_DEVICES hides them all/,
    ],
    [
      'a number too high',
      cudaFailure(101, 'invalid device ordinal'),
      facts(),
      /^no GPU has that number.*CUDA_VISIBLE_DEVICES.*cuda:0 only$/,
    ],
    [
      'a GPU too old',
      cudaFailure(209, 'no kernel image is available for execution on the device'),
      facts(),
      /compute capability 7\.5/,
    ],
    [
      'a GPU in exclusive use',
      cudaFailure(46, 'CUDA-capable device(s) is/are busy or unavailable'),
      facts(),
      /exclusive mode/,
    ],
    ['a full GPU', cudaFailure(2, 'out of memory'), facts(), /no memory left/],
    [
      'a full GPU, from the arena',
      'Failed to allocate memory for requested buffer of size 1179648000',
      facts(),
      /no memory left/,
    ],
    [
      'a fabric that is not up',
      cudaFailure(802, 'system not yet initialized'),
      facts(),
      /nvidia-fabricmanager/,
    ],
    [
      'two driver versions',
      cudaFailure(803, 'system has unsupported display driver / cuda driver combination'),
      facts(),
      /reboot/,
    ],
    [
      'a compatibility library',
      cudaFailure(804, 'forward compatibility was attempted on non supported HW'),
      facts(),
      /cuda-compat/,
    ],
    [
      'what nobody expected',
      cudaFailure(999, 'unknown error'),
      facts(),
      /^CUDA does not start with driver 580\.95\.05: CUDA failure 999: unknown error$/,
    ],
    ['nothing said', '', facts(), /: no reason given$/],
  ])('names the way out of %s', (_, message, seen, expected) => {
    const explained = explainCudaFailure(message, seen);
    expect(explained).toMatch(expected);
    expect(explained.length).toBeLessThan(400);
  });

  it('gives one short line, whatever is said and seen', () => {
    const anyFacts = fc.record({
      engineVersion: fc.string({ maxLength: 40 }),
      bindingFolder: fc.string(),
      provider: fc.constantFrom('absent', 'incomplete', 'other-version', 'present'),
      libraries: fc.array(
        fc.record({
          name: fc.oneof(fc.constantFrom(...NEEDED), fc.stringMatching(/^lib[a-z]{1,250}\.so$/)),
          isFound: fc.boolean(),
        }),
        { maxLength: 128 },
      ),
      driverVersion: fc.option(fc.stringMatching(/^\d{3}\.\d{2}$/), { nil: undefined }),
      gpuCount: fc.nat({ max: 16 }),
    }) as fc.Arbitrary<CudaFacts>;
    const messages = fc.oneof(
      fc.string({ maxLength: 5000 }),
      fc.nat().map((number) => cudaFailure(number, 'some\ntext')),
    );
    fc.assert(
      fc.property(messages, anyFacts, (message, seen) => {
        const explained = explainCudaFailure(message, seen);
        expect(explained).toMatch(/^[^\n\r]{1,360}$/);
      }),
    );
  });
});

describe('cudaObstacle', () => {
  it('sees none where the provider and all that it needs are there', () => {
    expect(cudaObstacle(facts())).toBeUndefined();
  });
});

describe('wayToLibrary', () => {
  it('sends for the CUDA libraries and for cuDNN to the same place', () => {
    expect(wayToLibrary('libcudnn.so.9', facts())).toBe(wayToLibrary('libcublas.so.13', facts()));
  });
});
