import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeRunFailure, isAllocationFailure, isProviderFailure } from './allocation-failure.ts';

const ARENA =
  "Non-zero status code returned while running Loop node. Name:'model/Loop_75' Status Message: Non-zero status code returned while running Gemm node. Name:'head/Gemm_6' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 255872000\n";

const ALLOCATION_FAILURES = [
  ARENA,
  'std::bad_alloc',
  "Non-zero status code returned while running Gemm node. Name:'g' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) BFCArena::AllocateRawInternal Available memory of 1024 is smaller than requested bytes of 4096",
  'CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_allocator.cc ; line=67 ; expr=cudaMalloc((void**)&p, size);',
  'CUDA error cudaErrorMemoryAllocation:out of memory',
  'CUDA out of memory',
  'CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=h ; expr=cublasCreate(&cublas_handle_);',
  'CUDNN failure 4001: CUDNN_STATUS_ALLOC_FAILED ; GPU=0',
  'CUDNN failure 4002: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ; GPU=0',
  'Array buffer allocation failed',
];

const OTHER_PROVIDER_FAILURES = [
  'CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=h',
  'CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED ; GPU=0',
  'CUDNN_FE failure 11: CUDNN_BACKEND_API_FAILED ; GPU=0',
  "Non-zero status code returned while running Where node. Name:'w' Status Message: where_op.cc: dimensions do not match",
  '[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : something else',
];

const REQUEST_FAILURES = [
  "block index 99 is outside the model's 8 blocks",
  'no model is loaded',
  'candidates must ascend: mha.0 follows mlp.3',
];

describe('the failure of a run', () => {
  it.each(ALLOCATION_FAILURES)('is a want of memory where it says %j', (message) => {
    expect(isAllocationFailure(message)).toBe(true);
  });

  it.each([...OTHER_PROVIDER_FAILURES, ...REQUEST_FAILURES])('is none where it says %j', (message) => {
    expect(isAllocationFailure(message)).toBe(false);
  });

  it('is told from a request that cannot be met', () => {
    expect(OTHER_PROVIDER_FAILURES.filter((message) => !isProviderFailure(message))).toEqual([]);
    expect(REQUEST_FAILURES.filter(isProviderFailure)).toEqual([]);
  });
});

describe('describeRunFailure', () => {
  it('names the innermost operator and what it lacked', () => {
    expect(describeRunFailure(ARENA)).toBe(
      "Non-zero status code returned while running Gemm node. Name:'head/Gemm_6' Status Message: Failed to allocate memory for requested buffer of size 255872000",
    );
  });

  it('leaves a short message as it is', () => {
    expect(describeRunFailure('std::bad_alloc')).toBe('std::bad_alloc');
  });

  it('makes one line under 200 characters of any text, soon', () => {
    const piece = fc.constantFrom(...ALLOCATION_FAILURES, '/a.cc:1 ', '(', ')', ' [with ', '\n', '\x1b[31m');
    const message = fc.array(fc.oneof(piece, fc.string()), { maxLength: 200 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(message, (text) => {
        const line = describeRunFailure(text);
        expect(line.length).toBeLessThan(200);
        expect(line).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  it('does not linger over a long message that is almost a place in a source file', () => {
    const line = describeRunFailure('/x.cc:1 '.repeat(200_000));
    expect(line.length).toBeLessThan(200);
  });
});
